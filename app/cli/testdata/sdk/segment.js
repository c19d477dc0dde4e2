// Every call of Segment's library for Node.js. Arguments: the server's address and the write key. It prints how many events
// the server has refused for good.
import { Analytics } from '@segment/analytics-node';

const [host, writeKey] = process.argv.slice(2);
const analytics = new Analytics({ host, writeKey, flushAt: 3, flushInterval: 100, maxRetries: 3 });
let failed = 0;
analytics.on('error', (e) => {
  failed++;
  console.error(e);
});
const timestamp = new Date(Date.now() - 60e3);
analytics.identify({ userId: 'segment', traits: { email: 'segment@example.com', plan: 'pro' } });
analytics.track({ userId: 'segment', event: 'Order Completed', properties: { total: 27.5 }, timestamp });
analytics.page({ userId: 'segment', name: 'Home', properties: { url: 'https://shop.example/' } });
analytics.screen({ userId: 'segment', name: 'Start' });
analytics.group({ userId: 'segment', groupId: 5, traits: { size: 12 } });
analytics.alias({ userId: 'segment', previousId: 43 });
analytics.track({ userId: 'segment', event: 'x'.repeat(300) }); // one that the server cannot take, among good ones
for (let n = 0; n < 20; n++) analytics.track({ userId: 'segment', event: 'Ping', properties: { n } });
await analytics.closeAndFlush({ timeout: 30e3 });
console.log(failed);
