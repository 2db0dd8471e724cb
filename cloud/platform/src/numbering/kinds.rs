//! The documents that are numbered. A module with a new one adds a line here and
//! the text `choice-<code>`.

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentKind {
    /// As series and [`super::Need`] name it.
    pub code: &'static str,
    /// Indian law says how its numbers look (CGST rules 46 to 55A): a series with a
    /// GSTIN keeps to that.
    pub gst: bool,
}

const fn plain(code: &'static str) -> DocumentKind {
    DocumentKind { code, gst: false }
}

const fn gst(code: &'static str) -> DocumentKind {
    DocumentKind { code, gst: true }
}

/// All, in the order in which people see them.
pub const KINDS: &[DocumentKind] = &[
    gst("sales_invoice"),
    gst("bill_of_supply"),
    gst("credit_note"),
    gst("debit_note"),
    gst("delivery_challan"),
    gst("self_invoice"),
    gst("receipt_voucher"),
    gst("refund_voucher"),
    gst("payment_voucher"),
    plain("quotation"),
    plain("sales_order"),
    plain("requisition"),
    plain("purchase_order"),
    plain("goods_receipt"),
    plain("stock_transfer"),
    plain("work_order"),
    plain("inspection_report"),
    plain("non_conformance"),
    plain("corrective_action"),
    plain("engineering_change"),
    plain("recall"),
    plain("service_order"),
    plain("warranty_claim"),
    plain("journal_entry"),
    plain("maintenance_order"),
    plain("project"),
];

/// The kind of this code.
#[must_use]
pub fn kind(code: &str) -> Option<DocumentKind> {
    KINDS.iter().copied().find(|kind| kind.code == code)
}

/// The codes of all.
#[must_use]
pub fn codes() -> Vec<String> {
    KINDS.iter().map(|kind| kind.code.to_owned()).collect()
}
