permission-delivery-manage = भेजा गया देखना, फिर भेजना, मेल और वेबहुक तय करना
mail-greeting = नमस्ते { $name },
mail-open = Tracewright में खोलें
mail-footer = { $tenant } के लिए Tracewright ने भेजा। मेल से क्या आए, यह आप सूचनाएँ पृष्ठ पर चुन सकते हैं।
notice-delivery-dead = कुछ भेजा नहीं जा सका और छोड़ दिया गया: { $error }
notice-delivery-dead-subject = एक संदेश भेजा नहीं जा सका
notice-kind-delivery-dead = कोई संदेश भेजा नहीं जा सका
