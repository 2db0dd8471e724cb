holds-scope = পরিধি
holds-code = কারণের কোড
holds-code-none = কোনোটি নয়: পাশে যা লেখা
holds-owner = দায়িত্বে
holds-owner-me = যিনি আটকান
holds-notes = মন্তব্য
holds-look = কী আটকানো হবে দেখান
holds-look-title = এগুলি আটকানো হবে
holds-told = প্রতিষ্ঠানের প্রতিটি প্ল্যান্টকে এবং সেখানে আটক দেখতে পারেন এমন সবাইকে সঙ্গে সঙ্গে জানানো হয়।
holds-back = ফিরে যান
holds-states = অবস্থা
holds-release-why = কেন ছাড়া হচ্ছে
holds-plants = প্ল্যান্ট
holds-plants-none = এখনও কোনো প্ল্যান্ট যুক্ত নয়।
holds-plant-has = পেয়েছে
holds-plant-lacks = এখনও পায়নি
holds-plant-seen = শেষ যোগাযোগ
holds-acts = প্ল্যান্ট আটকের খবর পাওয়ার আগে করা
holds-acts-lead = আটক ও প্ল্যান্টে তার পৌঁছানোর মাঝে যা প্যাক, ব্যবহার, স্থাপন বা পাঠানো হয়েছে।
holds-acts-none = এখনও কিছু নেই। অফলাইন প্ল্যান্ট যা করেছে তা সে ফিরলে দেখানো হবে।
holds-class = কেমন অবস্থা
holds-class-gap = প্ল্যান্ট আটক পাওয়ার আগে
holds-class-earlier = ঘড়ি অনুযায়ী আটকের আগে, বা মুক্ত হওয়ার পরে
holds-class-overridden = তত্ত্বাবধায়ক করতে দিয়েছেন
holds-class-violated = প্ল্যান্ট আটক পাওয়ার পরেও
holds-all = সব
holds-late = পরে যুক্ত
holds-members-none = এখানে কোনো ইউনিট নেই।
holds-how = কীভাবে যুক্ত
holds-cause-scope = নাম করা
holds-cause-lot = লটের
holds-cause-content = নাম করা প্যাকেজের ভিতরে
holds-cause-made = এ থেকে তৈরি
holds-cause-inside = এটি যে প্যাকেজে
holds-cause-kept = পুনরুদ্ধারের আগে প্ল্যান্টে আটকানো
holds-left = আবার মুক্ত
holds-past-hold-place = আটকানো হয়েছে
holds-past-hold-grow = আরও যুক্ত
holds-past-hold-cut = এখানে আরও তথ্য বাদ আছে; অডিটে সব আছে
holds-past-hold-release = ছাড়া হয়েছে
holds-wrong-nothing = কী স্থগিত করতে হবে বলুন: UID, লট বা পরিধি।
error-hold-notes = মন্তব্য ২,০০০ অক্ষর পর্যন্ত হতে পারে।
error-hold-owner = আপনার প্রতিষ্ঠানের কাউকে বাছুন।
trace-exception-hold-gap = প্ল্যান্ট আটক পাওয়ার আগে ব্যবহার
trace-exception-hold-recovered = পুনরুদ্ধারের পরে শুধু প্ল্যান্টের কাছে থাকা আটক
trace-exception-hold-violated = প্ল্যান্ট আটক পাওয়ার পরেও ব্যবহার
notice-group-hold = স্থগিতাদেশ
notice-hold-grew = আটক “{ $reason }”-এ আরও যুক্ত হয়েছে ({ $labels ->
    [one] { $labels }টি লেবেল
   *[other] { $labels }টি লেবেল
})।
notice-hold-gap = প্ল্যান্ট আটক “{ $reason }” পাওয়ার আগে ব্যবহার হয়েছে: { $labels ->
    [one] { $labels } বার
   *[other] { $labels } বার
}।
notice-hold-violated = প্ল্যান্ট আটক “{ $reason }” পাওয়ার পরেও ব্যবহার হয়েছে: { $labels ->
    [one] { $labels } বার
   *[other] { $labels } বার
}।
notice-kind-hold-grew = কোনো আটকে আরও যুক্ত
notice-kind-hold-gap = প্ল্যান্ট জানার আগে আটক ইউনিট ব্যবহার হয়েছে
notice-kind-hold-violated = আটক ইউনিট তবুও ব্যবহার হয়েছে
holds-units = { $count ->
    [one] { $count }টি ইউনিট
   *[other] { $count }টি ইউনিট
}
holds-deliveries = { $count ->
    [one] এটি { $count }টি চালানে এসেছে:
   *[other] এটি { $count }টি চালানে এসেছে:
}
holds-deliveries-default = সবগুলি আটকানো হবে, পরে যা আসবে তাও।
holds-deliveries-all = সবগুলি আটকানো, পরে যা আসবে তাও আটকানো হবে।
holds-deliveries-one = এর মধ্যে শুধু উল্লিখিত চালানটি আটকানো হয়।
holds-deliveries-take = সব চালান
holds-asked = কী চাওয়া হয়েছিল
holds-asked-label = ইউনিট
holds-asked-lot = লট
holds-asked-scope = এই বাছাইয়ের ইউনিট:
holds-asked-recall = রিকল
holds-asked-recovered = পুনরুদ্ধারের পরেও যা প্ল্যান্টে আটকানো ছিল:
holds-asked-deliveries = { $count ->
    [one] { $count }টি চালান
   *[other] { $count }টি চালান
}
holds-asked-delivery = শুধু এই চালানটি
holds-asked-made = এটি দিয়ে তৈরি সবকিছু সহ, এখন ও পরে
holds-asked-not-made = এটি দিয়ে তৈরি জিনিস বাদে
holds-sure = এটি রিকল { $number }-এর আটক, যা বলবৎ আছে। ছাড়লে ফেরত চাওয়া মাল সব প্ল্যান্টে সঙ্গে সঙ্গে আবার ব্যবহার, প্যাক ও রওনা করা যাবে।
holds-sure-freed = মুক্ত হবে
holds-sure-release = { $number } বলবৎ থাকলেও ছাড়ুন
error-hold-of_recall = এটি বলবৎ রিকলের আটক। তবু ছাড়তে হলে সেই রিকলের নম্বর দিন।
