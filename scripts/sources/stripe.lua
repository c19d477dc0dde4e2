-- Stripe: payments, invoices and subscriptions.
--
-- In the dashboard, under Developers, Webhooks, add an endpoint for the events below, to
-- https://YOUR-SERVER/v1/sources/stripe, and keep its signing secret (whsec_…):
--
--   stagecraft sources secret stripe signing
--
-- Whose it is: the user_id in the metadata that your server gives a checkout, a payment, a subscription or a customer. Say it of a
-- checkout's subscription too (subscription_data.metadata), then renewals know it. Else it is Stripe's customer.

source { title = "Stripe", secrets = { "signing" } }

-- true: what happens in Stripe's test mode counts like everything else. Only for a server that is a trial itself.
local test_mode = false

-- true: every checkout is made by your own server, and none by a payment link, a pricing table or a buy button. There the buyer can
-- say any client_reference_id, and types the address. Unless it is true such an ID says whose order it is, and nothing else.
local own_references = false

-- true: subscriptions begin without Checkout, and their first invoice is an order. With Checkout it would be the second one of it.
local without_checkout = false

-- Currencies whose amounts have no hundredths, and those that have thousandths: https://docs.stripe.com/currencies. The amounts of
-- ISK and UGX have hundredths that are always 00.
local units = {}
for _, code in ipairs { "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf" } do
  units[code] = 1
end
for _, code in ipairs { "bhd", "jod", "kwd", "omr", "tnd" } do
  units[code] = 1000
end

local function money(amount, currency)
  return amount and amount / (units[currency] or 100)
end

-- about is the subscription that an invoice is for: older versions of Stripe's API say it elsewhere.
local function about(object)
  local parent = object.parent and object.parent.subscription_details
  return parent or object.subscription_details or {}
end

local function happened(name, id, notice, object, properties)
  local details = object.customer_details or object.billing_details or {}
  local user = object.metadata and object.metadata.user_id or about(object).metadata and about(object).metadata.user_id or nil
  local customer = object.customer or nil
  local email = object.customer_email or details.email or object.receipt_email or nil
  local phone = object.customer_phone or details.phone or nil
  if not user and object.client_reference_id then
    user = object.client_reference_id
    if not own_references then
      customer, email, phone = nil, nil, nil -- nobody becomes somebody else by knowing their ID
    end
  end
  if not (user or customer or email) then
    return
  end
  event {
    name = name, id = id, at = notice.created, user_id = user, external_id = customer, email = email, phone = phone,
    properties = properties,
  }
end

-- order is what Checkout may tell of twice, by its session and by its invoice: as one order, whichever comes first.
-- What it comes to is its revenue, by which scripts sum orders, as of every shop.
local function order(invoice, notice, object, properties)
  properties.revenue = properties.total
  happened("Order Completed", invoice and "invoice:" .. invoice or notice.id, notice, object, properties)
end

local function plan(object)
  local item = object.items and object.items.data and object.items.data[1]
  local price = item and item.price
  return price and (price.nickname or price.id) or nil
end

receive(function(request)
  verify.hmac_sha256 { scheme = "stripe", secret = "signing", tolerance = "5 minutes" }
  local notice = json()
  if notice.livemode == false and not test_mode then
    refuse "test mode: nobody has paid (scripts/sources/stripe.lua can be told to take it)"
  end
  local object = notice.data and notice.data.object or {}
  local kind = notice.type
  if kind == "checkout.session.completed" or kind == "checkout.session.async_payment_succeeded" then
    -- What is paid by debit or transfer is completed unpaid, and succeeds or fails some days later. A card that is kept for later is
    -- no order, nor is a trial.
    local settled = object.payment_status == "paid" or object.payment_status == "no_payment_required"
    if settled and (object.mode == "payment" or (object.amount_total or 0) > 0) then
      order(object.invoice, notice, object, {
        order_id = object.id, total = money(object.amount_total, object.currency), currency = object.currency, mode = object.mode,
      })
    end
  elseif kind == "checkout.session.async_payment_failed" then
    happened("Payment Failed", notice.id, notice, object, {
      order_id = object.id, total = money(object.amount_total, object.currency), currency = object.currency,
    })
  elseif kind == "invoice.paid" then
    local first = object.billing_reason == "subscription_create"
    if (object.amount_paid or 0) > 0 and (not first or without_checkout) then
      order(object.id, notice, object, {
        order_id = object.id, total = money(object.amount_paid, object.currency), currency = object.currency,
        subscription_id = object.subscription or about(object).subscription,
        renewal = object.billing_reason == "subscription_cycle" or nil,
      })
    end
  elseif kind == "invoice.payment_failed" then
    happened("Payment Failed", notice.id, notice, object, {
      invoice_id = object.id, total = money(object.amount_due, object.currency), currency = object.currency,
      attempt = object.attempt_count, url = object.hosted_invoice_url,
    })
  elseif kind == "customer.subscription.created" then
    happened("Subscription Started", notice.id, notice, object, { subscription_id = object.id, plan = plan(object), status = object.status })
  elseif kind == "customer.subscription.deleted" then
    happened("Subscription Cancelled", notice.id, notice, object, { subscription_id = object.id, plan = plan(object) })
  elseif kind == "charge.refunded" then
    -- amount_refunded is all that was ever paid back of the charge; what it was before says how much this refund is.
    local before = notice.data.previous_attributes or {}
    local amount = money(object.amount_refunded - (before.amount_refunded or 0), object.currency)
    happened("Order Refunded", notice.id, notice, object, {
      charge_id = object.id, revenue = amount, total = amount, currency = object.currency,
    })
  elseif kind == "customer.created" or kind == "customer.updated" then
    identify {
      id = notice.id, at = notice.created, user_id = object.metadata and object.metadata.user_id or nil,
      external_id = object.id, email = object.email or nil, phone = object.phone or nil,
      traits = { name = object.name, country = object.address and object.address.country or nil },
    }
  end
end)
