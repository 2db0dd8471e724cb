permission-delivery-manage = పంపినవి చూడటం, మళ్లీ పంపడం, మెయిల్, వెబ్‌హుక్‌లు ఏర్పాటు చేయడం
mail-greeting = నమస్తే { $name },
mail-open = Tracewright లో తెరవండి
mail-footer = { $tenant } కోసం Tracewright పంపింది. మెయిల్‌లో ఏమి రావాలో నోటీసుల పేజీలో ఎంచుకోవచ్చు.
notice-delivery-dead = ఒకటి పంపలేకపోయాం, ఇక ప్రయత్నించడం లేదు: { $error }
notice-delivery-dead-subject = ఒక సందేశాన్ని పంపలేకపోయాం
notice-kind-delivery-dead = ఏదైనా సందేశాన్ని పంపలేకపోయాం
