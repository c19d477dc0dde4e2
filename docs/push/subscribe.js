// Asks the visitor whether notifications may be shown, and tells Stagecraft where to send them.
//
//   import { subscribe } from './subscribe.js';
//   button.onclick = () => subscribe('BN…', (push) => analytics.identify(userId, { push }));
//
// The key is vapid_public_key of the settings of the channel push. save gets the subscription as an object, which becomes
// the customer's trait "push", by whatever tells Stagecraft about customers. Call it when somebody clicks: browsers ask
// only then. Returns the subscription, or null where the browser cannot do it or the visitor does not want it.
export async function subscribe(publicKey, save) {
  if (!('serviceWorker' in navigator) || !('PushManager' in window)) return null;
  await navigator.serviceWorker.register('/sw.js');
  const registration = await navigator.serviceWorker.ready;
  if ((await Notification.requestPermission()) !== 'granted') return null;
  const key = bytes(publicKey);
  let known = await registration.pushManager.getSubscription();
  if (known && !same(known.options.applicationServerKey, key)) {
    await known.unsubscribe(); // it belongs to another key, with which nobody sends any more
    known = null;
  }
  const subscription = known ?? (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }));
  const push = subscription.toJSON();
  await save(push);
  return push;
}

// unsubscribe ends it; save gets null, which removes the trait.
export async function unsubscribe(save) {
  const registration = await navigator.serviceWorker?.getRegistration();
  const subscription = await registration?.pushManager.getSubscription();
  await subscription?.unsubscribe();
  await save(null);
}

function bytes(text) {
  const binary = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

function same(buffer, key) {
  const other = new Uint8Array(buffer ?? 0);
  return other.length === key.length && other.every((value, i) => value === key[i]);
}
