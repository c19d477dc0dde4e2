// The service worker of a web site that shows Stagecraft's notifications. It lies at the root of the site, as /sw.js; if
// there is a worker already, add these two listeners to it.
//
// A push says what is shown in the form of Declarative Web Push. Browsers that know it show it without a worker.
self.addEventListener('push', (event) => {
  let shown;
  try {
    shown = event.data.json().notification;
  } catch {
    return; // not one of ours
  }
  if (!shown?.title) return;
  event.waitUntil(
    self.registration.showNotification(shown.title, {
      body: shown.body,
      icon: shown.icon,
      image: shown.image,
      tag: shown.tag, // a repetition takes the place of the first one
      data: { ...shown.data, navigate: shown.navigate },
    }),
  );
});

// A click opens the address that came with the push. Where clicks are tracked it is one of Stagecraft's, which tells of the
// click and leads on: open it as it came.
self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const target = event.notification.data?.navigate;
  if (target) event.waitUntil(open(target));
});

// open shows the page that is open already, or opens it.
async function open(target) {
  const url = new URL(target, self.location.origin).href;
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const shown = windows.find((one) => one.url === url);
  return shown ? shown.focus() : self.clients.openWindow(url);
}
