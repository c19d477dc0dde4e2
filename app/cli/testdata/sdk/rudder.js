// Every call of RudderStack's library for Node.js, which packs its batches and labels them as a form. Arguments: the server's
// address and the write key. It prints how many events the server has refused for good.
import RudderAnalytics from '@rudderstack/rudder-sdk-node';

const [dataPlaneUrl, writeKey] = process.argv.slice(2);
const analytics = new RudderAnalytics(writeKey, { dataPlaneUrl, flushAt: 30, flushInterval: 10e3, logLevel: 'error' });
let failed = 0;
const sent = (call, message) =>
  new Promise((resolve) =>
    analytics[call](message, (error) => {
      if (error) {
        failed++;
        console.error(error);
      }
      resolve();
    }),
  );
const timestamp = new Date(Date.now() - 60e3);
const all = [
  sent('identify', { userId: 'rudder', traits: { email: 'rudder@example.com', plan: 'pro' } }),
  sent('track', { userId: 'rudder', event: 'Order Completed', properties: { total: 27.5 }, timestamp }),
  sent('page', { userId: 'rudder', name: 'Home', properties: { url: 'https://shop.example/' } }),
  sent('screen', { userId: 'rudder', name: 'Start' }),
  sent('group', { userId: 'rudder', groupId: 5, traits: { size: 12 } }),
  sent('alias', { userId: 'rudder', previousId: 43 }),
  sent('track', { userId: 'rudder', event: 'x'.repeat(300) }), // one that the server cannot take, among good ones
];
for (let n = 0; n < 20; n++) all.push(sent('track', { userId: 'rudder', event: 'Ping', properties: { n } }));
await analytics.flush();
await Promise.all(all);
console.log(failed);
process.exit(0);
