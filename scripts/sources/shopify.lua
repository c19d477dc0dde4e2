-- Shopify: customers and orders of a shop.
--
-- In the shop's settings, under Notifications, Webhooks, add webhooks in JSON for the topics below, to
-- https://YOUR-SERVER/v1/sources/shopify, and keep the key that the page shows:
--
--   stagecraft sources secret shopify signing
--
-- An order that was paid is Order Completed; a customer's data are traits. Refunds are taken from orders/updated, which says
-- whose order it was; refunds/create does not. Who unsubscribes in the shop gets no marketing from here either: since version
-- 2025-01 of Shopify's webhooks customers_email_marketing_consent/update tells of it, and customers/update does not any more.

source { title = "Shopify", secrets = { "signing" } }

-- true: orders for practice count like others. Only for a server that is a trial itself.
local test_mode = false

-- money is nil where the shop says nothing: a 0 would count as an order of nothing.
local function money(text)
  return tonumber(text)
end

-- rounded takes away what adding hundredths leaves behind.
local function rounded(amount)
  return math.floor(amount * 100 + 0.5) / 100
end

local function products(lines)
  local list = {}
  for i, line in ipairs(lines or {}) do
    list[i] = {
      product_id = line.product_id, sku = line.sku, name = line.title, variant = line.variant_title,
      price = money(line.price), quantity = line.quantity,
    }
  end
  return #list > 0 and list or nil
end

local function some(text)
  return text ~= "" and text or nil
end

-- known is how Shopify names a customer, of an order or by itself.
local function known(customer, order)
  return {
    external_id = customer.id,
    email = some(customer.email) or order and some(order.email),
    phone = some(customer.phone) or order and some(order.phone),
    traits = {
      first_name = customer.first_name, last_name = customer.last_name,
      locale = order and order.customer_locale,
      country = customer.default_address and customer.default_address.country_code,
    },
  }
end

local function order_event(name, order, extra)
  local who = known(order.customer or {}, order)
  if not (who.external_id or who.email or who.phone) then
    return -- bought at the counter, by somebody whom nobody knows
  end
  local properties = {
    order_id = order.id, order_name = order.name, total = money(order.current_total_price or order.total_price),
    revenue = money(order.subtotal_price), tax = money(order.total_tax), discount = money(order.total_discounts),
    currency = order.currency, products = products(order.line_items),
    coupon = order.discount_codes and order.discount_codes[1] and order.discount_codes[1].code or nil,
  }
  for key, value in pairs(extra or {}) do
    properties[key] = value
  end
  event {
    name = name, id = name .. ":" .. tostring(order.id), at = order.processed_at or order.created_at,
    external_id = who.external_id, email = who.email, phone = who.phone, traits = who.traits, properties = properties,
  }
end

-- near reports whether two dates are some days apart at most.
local function near(a, b)
  local function days(text)
    local year, month, day = string.match(text or "", "^(%d+)-(%d+)-(%d+)")
    return year and (year * 12 + month) * 31 + day or 0
  end
  return math.abs(days(a) - days(b)) <= 7
end

-- refunded tells of each refund of an order that is new: updates for other reasons, later on, say them all again.
local function refunded(order)
  for _, refund in ipairs(order.refunds or {}) do
    local goods, paid = 0, 0
    for _, line in ipairs(refund.refund_line_items or {}) do
      goods = goods + (money(line.subtotal) or 0)
    end
    for _, adjustment in ipairs(refund.order_adjustments or {}) do
      if adjustment.kind == "refund_discrepancy" then -- more than the goods is less than 0
        goods = goods - (money(adjustment.amount) or 0)
      end
    end
    for _, payment in ipairs(refund.transactions or {}) do
      if payment.kind == "refund" and payment.status == "success" then
        paid = paid + (money(payment.amount) or 0)
      end
    end
    goods, paid = rounded(goods), rounded(paid)
    if near(refund.created_at, order.updated_at) and (goods ~= 0 or paid ~= 0) then
      local who = known(order.customer or {}, order)
      if who.external_id or who.email or who.phone then
        event {
          name = "Order Refunded", id = "refund:" .. tostring(refund.id), at = refund.created_at,
          external_id = who.external_id, email = who.email, phone = who.phone, traits = who.traits,
          properties = { order_id = order.id, order_name = order.name, refund_id = refund.id, revenue = goods, total = paid, currency = order.currency },
        }
      end
    end
  end
end

-- agreed is what a customer has said to being written to by mail, at the time at which they said it: later changes of other
-- things repeat it. Only who was subscribed, or never asked, has not refused.
local function agreed(who, consent, at)
  local state = consent and consent.state
  if not state then
    return
  end
  local said = { external_id = who.external_id, email = who.email, phone = who.phone, at = consent.consent_updated_at or at,
    traits = { accepts_marketing = state == "subscribed" } }
  if state == "unsubscribed" or state == "redacted" then
    said.traits.unsubscribed = true
  elseif state == "subscribed" and consent.consent_updated_at then
    said.traits.unsubscribed = false -- lifts what they refused before it, and nothing that was refused since
  end
  identify(said)
end

receive(function(request)
  verify.hmac_sha256 { header = "X-Shopify-Hmac-Sha256", secret = "signing", encoding = "base64" }
  local topic, body = request.headers["X-Shopify-Topic"], json()
  if body.test and not test_mode then
    refuse "test mode: nobody has paid (scripts/sources/shopify.lua can be told to take it)"
  end
  if topic == "orders/paid" then
    order_event("Order Completed", body)
  elseif topic == "orders/updated" then
    refunded(body)
  elseif topic == "orders/cancelled" then
    order_event("Order Cancelled", body, { reason = body.cancel_reason })
  elseif topic == "checkouts/create" or topic == "checkouts/update" then
    if body.email or body.customer then
      local who = known(body.customer or {}, body)
      event {
        name = "Checkout Started", id = "checkout:" .. tostring(body.token), at = body.created_at,
        external_id = who.external_id, email = who.email, phone = who.phone, traits = who.traits,
        properties = { checkout_id = body.token, total = money(body.total_price), currency = body.currency,
          url = body.abandoned_checkout_url, products = products(body.line_items) },
      }
    end
  elseif topic == "customers/create" or topic == "customers/update" then
    local who = known(body)
    if body.tags then
      who.traits.shopify_tags = some(body.tags) or null
    end
    identify { external_id = who.external_id, email = who.email, phone = who.phone, traits = who.traits, at = body.updated_at }
    agreed(who, body.email_marketing_consent, body.updated_at)
  elseif topic == "customers_email_marketing_consent/update" then
    if body.customer_id or some(body.email_address) then
      agreed({ external_id = body.customer_id, email = some(body.email_address) }, body.email_marketing_consent)
    end
  elseif topic == "customers/redact" or topic == "customers/data_request" or topic == "shop/redact" then
    refuse("Shopify asks for " .. topic .. ", which is for a person to do: stagecraft customers erase, or export")
  end
  -- Other topics are taken and nothing comes of them.
end)
