permission-delivery-manage = See what was sent, send it again, set up mail and webhooks
mail-greeting = Hello { $name },
mail-open = Open in Tracewright
mail-footer = Sent by Tracewright for { $tenant }. You can choose on the page Notices what comes by mail.
notice-delivery-dead = Something could not be sent and was given up: { $error }
notice-delivery-dead-subject = A message could not be sent
notice-kind-delivery-dead = A message could not be sent
