-- Stripe: payments, invoices and subscriptions.
--
-- In the dashboard, under Developers, Webhooks, add an endpoint for the events below, to
-- https://YOUR-SERVER/v1/sources/stripe, and keep its signing secret (whsec_…):
--
--   stagecraft sources secret stripe signing

source { title = "Stripe", secrets = { "signing" } }

-- Currencies whose amounts have no hundredths: https://docs.stripe.com/currencies#zero-decimal
local whole = {}
for _, code in ipairs { "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf" } do
  whole[code] = true
end

local function money(amount, currency)
  if not amount then
    return nil
  end
  return whole[currency] and amount or amount / 100
end

-- Whose it is: our own id where the checkout was given one, else Stripe's customer.
local function happened(name, notice, object, properties)
  local details = object.customer_details or object.billing_details or {}
  local user = object.client_reference_id or (object.metadata and object.metadata.user_id) or nil
  local email = object.customer_email or details.email or object.receipt_email or nil
  if not (user or object.customer or email) then
    return
  end
  event {
    name = name, id = notice.id, at = notice.created, user_id = user, external_id = object.customer or nil,
    email = email, phone = object.customer_phone or details.phone or nil, properties = properties,
  }
end

local function plan(object)
  local item = object.items and object.items.data and object.items.data[1]
  local price = item and item.price
  return price and (price.nickname or price.id) or nil
end

receive(function(request)
  verify.hmac_sha256 { scheme = "stripe", secret = "signing", tolerance = "5 minutes" }
  local notice = json()
  local object = notice.data and notice.data.object or {}
  local kind = notice.type
  if kind == "checkout.session.completed" or kind == "checkout.session.async_payment_succeeded" then
    -- What is paid by debit or transfer is completed unpaid, and succeeds or fails some days later.
    if object.payment_status == "paid" or object.payment_status == "no_payment_required" then
      happened("Order Completed", notice, object, {
        order_id = object.id, total = money(object.amount_total, object.currency), currency = object.currency, mode = object.mode,
      })
    end
  elseif kind == "checkout.session.async_payment_failed" then
    happened("Payment Failed", notice, object, {
      order_id = object.id, total = money(object.amount_total, object.currency), currency = object.currency,
    })
  elseif kind == "invoice.paid" then
    -- The first invoice of a checkout is its order; only renewals are orders of their own.
    if object.billing_reason == "subscription_cycle" then
      happened("Order Completed", notice, object, {
        order_id = object.id, total = money(object.amount_paid, object.currency), currency = object.currency,
        subscription_id = object.subscription, renewal = true,
      })
    end
  elseif kind == "invoice.payment_failed" then
    happened("Payment Failed", notice, object, {
      invoice_id = object.id, total = money(object.amount_due, object.currency), currency = object.currency,
      attempt = object.attempt_count, url = object.hosted_invoice_url,
    })
  elseif kind == "customer.subscription.created" then
    happened("Subscription Started", notice, object, { subscription_id = object.id, plan = plan(object), status = object.status })
  elseif kind == "customer.subscription.deleted" then
    happened("Subscription Cancelled", notice, object, { subscription_id = object.id, plan = plan(object) })
  elseif kind == "charge.refunded" then
    -- amount_refunded is all that was ever paid back of the charge; what it was before says how much this refund is.
    local before = notice.data.previous_attributes or {}
    happened("Order Refunded", notice, object, {
      charge_id = object.id, total = money(object.amount_refunded - (before.amount_refunded or 0), object.currency), currency = object.currency,
    })
  elseif kind == "customer.created" or kind == "customer.updated" then
    identify {
      id = notice.id, at = notice.created, user_id = object.metadata and object.metadata.user_id or nil,
      external_id = object.id, email = object.email or nil, phone = object.phone or nil,
      traits = { name = object.name, country = object.address and object.address.country or nil },
    }
  end
end)
