nav-suspects = সন্দেহভাজন
permission-scope-read = সন্দেহভাজন খোঁজা, পরিধি দেখা
permission-scope-write = পরিধি রাখা ও মোছা
scope-title = সন্দেহভাজন
scope-lead = কোন ইউনিটের সঙ্গে কী ঘটেছে: কোনও সময়ে মেশিন পেরিয়েছে, মাপ সীমার বাইরে ছিল, কেউ হাতে নিয়েছে, কোনও লট ভিতরে আছে।
scope-conditions = শর্ত
scope-other-hint = এই শর্তগুলি এই ফর্মের চেয়ে গভীর।
scope-anew = নতুন করে শুরু
scope-mode = ইউনিট মেলে যখন
scope-mode-all = সব শর্ত পূরণ হয়
scope-mode-any = একটি শর্ত পূরণ হয়
scope-not = নয়: যেগুলির ক্ষেত্রে এটি খাটে না
scope-remove = শর্ত সরান
scope-add = শর্ত যোগ করুন
scope-find = ইউনিট খুঁজুন
scope-clock-hint = সময় সেই প্ল্যান্টের ঘড়ি অনুযায়ী, যেখানে ঘটেছে।
scope-whatever = যে কোনও
scope-kind-passed = মেশিন বা স্টেশন পেরিয়েছে
scope-kind-reading = এমন মাপ ছিল
scope-kind-handled = কেউ হাতে নিয়েছে
scope-kind-contains = লট বা যন্ত্রাংশ আছে
scope-kind-document = নথি বা গ্রাহকের সঙ্গে নথিভুক্ত
scope-kind-done = এর সঙ্গে কিছু করা হয়েছে
scope-kind-item = আইটেম ও অবস্থা
scope-hint-passed = দুই সময়ের মধ্যে। যা পুরো সময় ভিতরে ছিল, যেমন চুল্লিতে, তাও গোনা হয়।
scope-hint-reading = লোডের মাপ তার প্রতিটি সদস্যের মাপ।
scope-hint-handled = ব্যক্তির আইডি, ঘটনায় যেমন আছে।
scope-hint-contains = একটি পূরণ করুন: UID বা সিরিয়াল, সরবরাহকারীর লট, বা লট আইডি। এটি যা যা হয়েছে সব মেলে।
scope-hint-document = নথির নম্বর, যেমন মাল রসিদ, বা গ্রাহক।
scope-hint-done = একটি ঘটনা যা সব পূরণের সঙ্গে মেলে: ব্যর্থ পরিদর্শন, কোনও দিনের শিফট।
scope-hint-item = এখন যেমন আছে।
scope-field-machine = মেশিন
scope-field-station = স্টেশন
scope-field-operation = প্রক্রিয়া
scope-field-plant = প্ল্যান্ট
scope-field-from = থেকে
scope-field-to = পর্যন্ত
scope-field-name = মাপ
scope-field-how = সীমা
scope-field-low = নিম্ন সীমা
scope-field-high = ঊর্ধ্ব সীমা
scope-field-operator = ব্যক্তি
scope-field-uid = UID বা সিরিয়াল
scope-field-supplier_lot = সরবরাহকারীর লট বা হিট
scope-field-supplier = সরবরাহকারী
scope-field-lot = লট আইডি
scope-field-document = নথির নম্বর
scope-field-document_type = নথির ধরন
scope-field-customer = গ্রাহক
scope-field-stage = ধাপ
scope-field-outcome = ফল
scope-field-reason = কারণ
scope-field-shift = শিফট
scope-field-produced_from = উৎপাদনের তারিখ থেকে
scope-field-produced_to = উৎপাদনের তারিখ পর্যন্ত
scope-field-item = আইটেম
scope-field-life = জীবন
scope-field-quality = মান
scope-field-custody = কোথায়
scope-how-limits = নিজের সীমার বাইরে
scope-how-outside = নীচের সীমার বাইরে
scope-how-inside = নীচের সীমার মধ্যে
scope-found = { $count ->
    [one] { $count }টি ইউনিট
   *[other] { $count }টি ইউনিট
 }
scope-found-more = { $count ->
    [one] অন্তত { $count }টি ইউনিট
   *[other] অন্তত { $count }টি ইউনিট
 }
scope-looked-back = এগুলি { $at } থেকে যা ঘটেছে তার।
scope-more-hint = আরও থাকতে পারে। গুনতে সময় কমান; পরিধি হিসেবে সব সময় সবকটিই রাখা হয়, আর বেশি সময় লাগলে কাজ পিছনে চলতে থাকে।
scope-none = কোনও ইউনিট মেলেনি। সময় বাড়ান বা একটি শর্ত কমান।
scope-unknown = { $field } “{ $value }”: আপনার কোনও ঘটনায় এর নাম নেই।
scope-unknown-unit = { $field } “{ $value }”: আপনার কোনও ইউনিট এর নয়।
scope-name = নাম
scope-keep = পরিধি হিসেবে রাখুন
scope-hold = এগুলি আটকান
scope-recall = রিকল শুরু করুন
scope-units = ইউনিট
scope-state = অবস্থা
scope-groups-cut = শুধু বৃহত্তম ২০০টি দল দেখানো হয়েছে।
scope-list-title = পরিধি
scope-list-lead = খুঁজে রাখা ইউনিট, তখন যেমন মিলেছিল।
scope-list-none = এখনও নেই। সন্দেহভাজন খুঁজুন ও পরিধি হিসেবে রাখুন: তারপর আটকানো বা রিকল করা যায়।
scope-state-saving = রাখা হচ্ছে
scope-state-stopped = থামানো হয়েছে
scope-state-failed = রাখা যায়নি
scope-saving-search = জিজ্ঞাসা করা শর্ত
scope-saving-write = লেখা ইউনিট
scope-unfinished-hint = সব ইউনিট লেখা না হওয়া পর্যন্ত এটি আটকানো, ফেরত ডাকা বা তালিকা করা যায় না। এই পাতা ছেড়ে যেতে পারেন: কাজ চলতে থাকে।
scope-stop = থামান
scope-go-on = চালিয়ে যান
scope-kept = রাখা হয়েছে
scope-again = আবার জিজ্ঞাসা ও তুলনা
scope-change = শর্ত বদলান
scope-delete = মুছুন
scope-compared = এখনকার সঙ্গে তুলনা
scope-same = { $count ->
    [one] { $count }টি ইউনিট দুটিতেই আছে
   *[other] { $count }টি ইউনিট দুটিতেই আছে
 }
scope-new = { $count ->
    [one] { $count }টি নতুন ইউনিট এখন মেলে
   *[other] { $count }টি নতুন ইউনিট এখন মেলে
 }
scope-gone = { $count ->
    [one] { $count }টি ইউনিট আর মেলে না
   *[other] { $count }টি ইউনিট আর মেলে না
 }
scope-too-many = এই শর্তে { $most }-এর বেশি ইউনিট মেলে। আইটেম, মেশিন বা ছোট সময় দিন।
scope-wrong-node = শর্ত হল এক সদস্যের অবজেক্ট: all, any, not, event, reading, contains বা is।
scope-wrong-kind = “{ $value }” কোনও শর্ত নয়। আছে: all, any, not, event, reading, contains, is।
scope-wrong-list = এতে অন্তত একটি শর্ত চাই।
scope-wrong-fields = শর্তের ঘরগুলি সহ একটি অবজেক্ট চাই।
scope-wrong-nodes = { $value }-এর বেশি শর্ত।
scope-wrong-deep = শর্ত { $value } স্তরের চেয়ে গভীর।
scope-wrong-text = এটি পাঠ্য হতে হবে।
scope-wrong-long = এটি { $value } অক্ষর পর্যন্ত পাঠ্য হতে হবে।
scope-wrong-choice = এটি এর একটি হতে হবে: { $value }।
scope-wrong-moment = “{ $value }” সময় নয়, যেমন 2025-01-20T06:00 বা 2025-01-20T06:00:00+05:30।
scope-wrong-date = “{ $value }” তারিখ নয়, যেমন 2025-01-20।
scope-wrong-number = “{ $value }” ছয় দশমিক পর্যন্ত সংখ্যা নয়।
scope-wrong-flag = এটি true বা false হতে হবে।
scope-wrong-turned = শেষ শুরুর আগে।
scope-wrong-limits-turned = ঊর্ধ্ব সীমা নিম্ন সীমার নীচে।
scope-wrong-unknown = এমন ঘর নেই। আছে: { $value }।
scope-wrong-empty = কিছু পূরণ করুন।
scope-wrong-name = মাপের নাম দিন।
scope-wrong-limits = বাইরে বলুন, বা নিম্ন বা ঊর্ধ্ব সীমা দিন।
scope-wrong-lot = “{ $value }” লটের আইডি নয়।
scope-wrong-one-of = ঠিক একটি পূরণ করুন: { $value }।
scope-wrong-beside-document = ধরনের পাশে নথির নম্বর চাই।
scope-wrong-document-or-customer = নথি বা গ্রাহক পূরণ করুন, দুটি নয়।
scope-wrong-beside-supplier-lot = সরবরাহকারীর পাশে তার লট চাই।
scope-wrong-uid = “{ $value }” দিয়ে কিছু জানা নেই।
scope-wrong-ambiguous = “{ $value }” কয়েকটি ইউনিটের; UID দিন।
scope-wrong-not-alone = “নয়” শুধু ইউনিট বাদ দেয়। পাশে “সব”-এর মধ্যে এমন শর্ত দিন যা বলে কোনগুলির মধ্যে: মেশিন, লট, আইটেম।
scope-wrong-event-alone = শুধু এটি সব কিছু খুঁজবে। মেশিন, স্টেশন, ব্যক্তি, কারণ, নথি বা সময়ের দুই প্রান্ত দিন।
scope-wrong-is-alone = শুধু এটি সব কিছু খুঁজবে। আইটেম বা পাশে আরেকটি শর্ত দিন।
error-scope-criteria = শর্তগুলি এখনও ঠিক নয়।
error-scope-too_many = অনেক বেশি ইউনিট মেলে। আইটেম, মেশিন বা ছোট সময় দিন।
error-scope-too_slow = অনেক সময় লাগল। মেশিন, ছোট সময় বা আইটেম দিন।
error-scope-name = ২০০ অক্ষর পর্যন্ত একটি নাম চাই।
error-scope-empty = কোনও ইউনিট মেলে না, তাই রাখার কিছু নেই।
error-scope-others = এই পরিধি অন্য কেউ করেছে; এর জন্য প্রতিটি প্ল্যান্টে অধিকার চাই।
error-scope-unfinished = এই পরিধি সম্পূর্ণ নয়: এটি এখনও রাখা হচ্ছে, থামানো হয়েছে, বা ব্যর্থ হয়েছে। কতদূর হয়েছে তা এর পাতায় দেখা যায়।
error-scope-state = পরিধি যে অবস্থায় আছে তাতে এটি করা যায় না।
scope-group = শর্তের দল
scope-group-mode = মেলে যখন
scope-group-add = এই দলে যোগ করুন
scope-group-remove = দল সরান
scope-field-taken = যেসব লেবেল থেকে শুধু কিছু নেওয়া হয়েছে
scope-taken-tick = যেসব লেবেল থেকে সেখানে শুধু কিছু নেওয়া হয়েছে, সেগুলিও গুনুন
scope-taken-too = এগুলিও গোনা হয়
scope-taken-hint = যেমন যে কয়েল থেকে যন্ত্রাংশ কাটা হয়েছে: সেটি এগিয়ে গেছে, তাই সন্দেহের নয়। এগুলিও গুনতে শর্তে টিক দিন; যা গোনা হয়, তা-ই রাখা বা আটকানো হয়।
scope-taken-unknown = যেসব লেবেল থেকে শুধু কিছু নেওয়া হয়েছে বলে গোনা হয়নি, সেগুলি কতগুলি তা এখনও জানা নেই: খুঁজতে অনেক সময় লেগেছে। আবার জিজ্ঞাসা করুন, অথবা কোনও মেশিন বা কম সময় বলুন।
scope-taken-out = { $count ->
    [one] { $count }টি লেবেল, যা থেকে শুধু কিছু নেওয়া হয়েছে, গোনা হয়নি
   *[other] { $count }টি লেবেল, যেগুলি থেকে শুধু কিছু নেওয়া হয়েছে, গোনা হয়নি
}
