//! Line icons, drawn into the page so that they take its colour.

macro_rules! svg {
    ($paths:literal) => {
        concat!(
            r#"<svg class="tw-icon" viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">"#,
            $paths,
            "</svg>"
        )
    };
}

/// An icon as markup; for templates: `{{ platform::web::icon("hold")|safe }}`.
#[must_use]
pub fn icon(name: &str) -> &'static str {
    match name {
        "home" => svg!(r#"<path d="M4 11.5 12 4.5l8 7M6.5 9.5V19h11V9.5M10 19v-5h4v5"/>"#),
        "search" => svg!(r#"<circle cx="10.5" cy="10.5" r="6"/><path d="m15 15 5 5"/>"#),
        "unit" => {
            svg!(r#"<path d="m12 3.5 7.5 4.2v8.6L12 20.5l-7.5-4.2V7.7zM4.5 7.7 12 12l7.5-4.3M12 12v8.5"/>"#)
        }
        "trace" => svg!(
            r#"<circle cx="6" cy="18" r="2"/><circle cx="6" cy="6" r="2"/><circle cx="18" cy="9" r="2"/><path d="M6 8v8M6 14c0-4 4-5 10-5"/>"#
        ),
        "hold" => svg!(r#"<path d="M8.5 3.5h7l5 5v7l-5 5h-7l-5-5v-7zM9.5 9v6M14.5 9v6"/>"#),
        "recall" => {
            svg!(r#"<path d="M4.5 12a7.5 7.5 0 1 0 2.6-5.7L4.5 8.5M4.5 4v4.5H9M12 8v4.5l3 1.8"/>"#)
        }
        "exception" => svg!(r#"<path d="M12 4.5 21 19.5H3zM12 10v4M12 16.8v.1"/>"#),
        "proof" => svg!(
            r#"<path d="M12 3.5 19 6v5.5c0 4.2-2.8 7.3-7 9-4.2-1.7-7-4.8-7-9V6zM9 12l2.2 2.2L15.2 10"/>"#
        ),
        "plant" => {
            svg!(r#"<path d="M3.5 20V10l5.5 3.5V10l5.5 3.5V5h5v15zM8 17h.1M12 17h.1M16 17h.1"/>"#)
        }
        "agent" => svg!(
            r#"<rect x="4" y="5" width="16" height="6" rx="1.5"/><rect x="4" y="13" width="16" height="6" rx="1.5"/><path d="M7.5 8h.1M7.5 16h.1M12 8h4.5M12 16h4.5"/>"#
        ),
        "pulse" => svg!(r#"<path d="M3.5 12h4l2.5-7 4 14 2.5-7h4"/>"#),
        "document" => {
            svg!(r#"<path d="M6.5 3.5h7l4.5 4.5v12.5H6.5zM13.5 3.5V8H18M9.5 12.5h5M9.5 16h5"/>"#)
        }
        "order" => svg!(r#"<path d="M8 5H6v15.5h12V5h-2M9 3.5h6v3H9zM9.5 11h5M9.5 15h5"/>"#),
        "stock" => svg!(r#"<path d="M4 20.5V9.5l8-5 8 5v11M8 20.5v-8h8v8M8 16.5h8"/>"#),
        "quality" => {
            svg!(r#"<circle cx="12" cy="12" r="8"/><path d="m8.5 12.2 2.4 2.4 4.6-4.8"/>"#)
        }
        "machine" => svg!(
            r#"<circle cx="12" cy="12" r="3"/><path d="M12 3.5v3M12 17.5v3M3.5 12h3M17.5 12h3M6 6l2.1 2.1M15.9 15.9 18 18M18 6l-2.1 2.1M8.1 15.9 6 18"/>"#
        ),
        "people" => svg!(
            r#"<circle cx="9" cy="8" r="3.5"/><path d="M3 20c0-3.6 2.7-6 6-6s6 2.4 6 6M15.5 5a3.5 3.5 0 0 1 0 6.5M17.5 14.5c2.2.8 3.5 2.8 3.5 5.5"/>"#
        ),
        "key" => svg!(r#"<circle cx="8" cy="15.5" r="4"/><path d="m11 12.5 8-8M16 7.5l3 3M13.5 10l2 2"/>"#),
        "settings" => svg!(
            r#"<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>"#
        ),
        "chart" => svg!(r#"<path d="M4 20h16M6.5 16.5v-5M12 16.5v-11M17.5 16.5v-8"/>"#),
        "masters" => svg!(
            r#"<ellipse cx="12" cy="6" rx="7.5" ry="2.8"/><path d="M4.5 6v12c0 1.5 3.4 2.8 7.5 2.8s7.5-1.3 7.5-2.8V6M4.5 12c0 1.5 3.4 2.8 7.5 2.8s7.5-1.3 7.5-2.8"/>"#
        ),
        "workflow" => svg!(
            r#"<rect x="3.5" y="4" width="7" height="5.5" rx="1"/><rect x="13.5" y="14.5" width="7" height="5.5" rx="1"/><path d="M7 9.5v7.8h6.5M10.5 15l2.5 2.3-2.5 2.2"/>"#
        ),
        "menu" => svg!(r#"<path d="M4 7h16M4 12h16M4 17h16"/>"#),
        "close" => svg!(r#"<path d="m6 6 12 12M18 6 6 18"/>"#),
        "theme" => {
            svg!(r#"<circle cx="12" cy="12" r="8"/><path d="M12 4v16a8 8 0 0 0 0-16z" fill="currentColor"/>"#)
        }
        "language" => svg!(
            r#"<circle cx="12" cy="12" r="8.5"/><path d="M3.5 12h17M12 3.5c5 5.2 5 11.8 0 17M12 3.5c-5 5.2-5 11.8 0 17"/>"#
        ),
        "person" => {
            svg!(r#"<circle cx="12" cy="8" r="3.8"/><path d="M5 20.5c0-3.9 3.1-6.5 7-6.5s7 2.6 7 6.5"/>"#)
        }
        "signout" => svg!(r#"<path d="M13.5 4.5h-8v15h8M10.5 12h10M17 8.5l3.5 3.5-3.5 3.5"/>"#),
        "print" => svg!(r#"<path d="M7.5 8.5v-5h9v5M7.5 17h-3V8.5h15V17h-3M7.5 13.5h9v7h-9z"/>"#),
        "next" => svg!(r#"<path d="m9.5 6 6 6-6 6"/>"#),
        "check" => svg!(r#"<path d="m5 12.5 4.5 4.5L19 7.5"/>"#),
        "clock" => svg!(r#"<circle cx="12" cy="12" r="8.5"/><path d="M12 7v5l3.5 2"/>"#),
        "download" => svg!(r#"<path d="M12 4v11M7.5 11l4.5 4.5 4.5-4.5M4.5 20h15"/>"#),
        "bell" => svg!(r#"<path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15zM10 21h4"/>"#),
        "send" => svg!(r#"<path d="M4 12 20.5 4 15 20.5l-3.2-7.3zM11.8 13.2 20.5 4"/>"#),
        "plus" => svg!(r#"<path d="M12 5v14M5 12h14"/>"#),
        _ => svg!(r#"<circle cx="12" cy="12" r="3"/>"#),
    }
}
