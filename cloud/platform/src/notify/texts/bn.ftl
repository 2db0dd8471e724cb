permission-delivery-manage = কী পাঠানো হয়েছে দেখা, আবার পাঠানো, মেল ও ওয়েবহুক ঠিক করা
mail-greeting = নমস্কার { $name },
mail-open = Tracewright-এ খুলুন
mail-footer = { $tenant } এর জন্য Tracewright পাঠিয়েছে। মেলে কী আসবে তা বিজ্ঞপ্তি পাতায় বেছে নিতে পারেন।
notice-delivery-dead = কিছু একটা পাঠানো যায়নি, আর চেষ্টা করা হচ্ছে না: { $error }
notice-delivery-dead-subject = একটি বার্তা পাঠানো যায়নি
notice-kind-delivery-dead = কোনও বার্তা পাঠানো যায়নি
