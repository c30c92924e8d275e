//! The company's fixed outline: its offices, sales process and catalogues, and
//! the tabulated distributions that its year is drawn from.

use super::generator::{DealType, Department, Stage};
use super::random::Quantiles;

/// The company's name.
pub(super) const COMPANY_NAME: &str = "Lantern Systems";

/// The key of the deal type that the generated deals are of.
pub(super) const MAIN_DEAL_TYPE: &str = "typical_sale";

/// The department above the regional offices.
pub(super) const HEAD_OFFICE: &str = "head_office";

/// A regional office and the region its clients are in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Office {
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) region: &'static str,
}

/// The regional offices.
pub(super) const OFFICES: [Office; 3] = [
    Office { key: "office_amsterdam", name: "Amsterdam office", region: "West" },
    Office { key: "office_eindhoven", name: "Eindhoven office", region: "South" },
    Office { key: "office_groningen", name: "Groningen office", region: "North" },
];

/// Sellers in each office.
pub(super) const SELLERS_PER_OFFICE: usize = 10;
/// Sellers in all.
pub(super) const SELLERS: usize = OFFICES.len() * SELLERS_PER_OFFICE;

/// The departments: the head office, and the regional offices under it.
pub(super) fn departments() -> Vec<Department> {
    let head = Department { key: HEAD_OFFICE, name: "Head office", parent: None };
    let offices = OFFICES.iter().map(|office| Department {
        key: office.key,
        name: office.name,
        parent: Some(HEAD_OFFICE),
    });
    std::iter::once(head).chain(offices).collect()
}

/// A stage of the main deal type.
#[derive(Debug)]
pub(super) struct StageOutline {
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) goal: &'static str,
    pub(super) probability: &'static str,
    pub(super) norm_days: u32,
    pub(super) gate: &'static [&'static str],
}

/// The stages of the main deal type. Leaving the presentation takes a client,
/// which an early enquiry may still lack.
pub(super) const STAGES: [StageOutline; 6] = [
    StageOutline {
        key: "qualification",
        name: "Qualification",
        goal: "The need and the person who decides are known",
        probability: "0.1",
        norm_days: 3,
        gate: &["source"],
    },
    StageOutline {
        key: "needs",
        name: "Needs",
        goal: "The requirements are written down and confirmed",
        probability: "0.2",
        norm_days: 7,
        gate: &[],
    },
    StageOutline {
        key: "presentation",
        name: "Presentation",
        goal: "The client has seen the solution and wants an offer",
        probability: "0.35",
        norm_days: 8,
        gate: &["client_id"],
    },
    StageOutline {
        key: "offer",
        name: "Offer",
        goal: "A priced offer is with the client",
        probability: "0.5",
        norm_days: 5,
        gate: &["client_id", "amount"],
    },
    StageOutline {
        key: "negotiation",
        name: "Negotiation",
        goal: "Price and terms are agreed",
        probability: "0.7",
        norm_days: 10,
        gate: &["amount", "expected_close_on"],
    },
    StageOutline {
        key: "contract",
        name: "Contract",
        goal: "The contract is signed by both sides",
        probability: "0.9",
        norm_days: 5,
        gate: &[],
    },
];

/// The deal types.
pub(super) fn deal_types() -> Vec<DealType> {
    let stages = STAGES.iter().map(|stage| Stage {
        key: stage.key,
        name: stage.name,
        goal: stage.goal,
        probability: stage.probability,
        norm_days: stage.norm_days,
        gate: stage.gate.to_vec(),
    });
    vec![
        DealType {
            key: MAIN_DEAL_TYPE,
            name: "Typical sale",
            mode: "manual",
            allow_skip: true,
            allow_back: true,
            stages: stages.collect(),
        },
        DealType {
            key: "service_request",
            name: "Service request",
            mode: "untracked",
            allow_skip: false,
            allow_back: false,
            stages: Vec::new(),
        },
    ]
}

/// Where deals come from.
pub(super) const SOURCES: [&str; 6] =
    ["Website", "Referral", "Trade show", "Cold call", "Partner", "Newsletter"];

/// A loss reason, how likely it is in each stage, and what is noted with it.
#[derive(Debug)]
pub(super) struct LossReason {
    pub(super) name: &'static str,
    /// The weight of the reason among the losses in each stage.
    pub(super) weights: [u32; STAGES.len()],
    /// Cases in a thousand in which the winning competitor is known.
    pub(super) competitor: u32,
    pub(super) notes: [&'static str; 3],
}

/// Why deals are lost.
pub(super) const LOSS_REASONS: [LossReason; 8] = [
    LossReason {
        name: "No real need",
        weights: [34, 20, 8, 2, 0, 0],
        competitor: 0,
        notes: [
            "Only comparing for next year",
            "The present equipment will do",
            "Asked on behalf of somebody else",
        ],
    },
    LossReason {
        name: "Could not be reached",
        weights: [30, 12, 5, 4, 2, 1],
        competitor: 0,
        notes: [
            "Five calls without an answer",
            "The contact has left the company",
            "No reply to three e-mails",
        ],
    },
    LossReason {
        name: "No budget",
        weights: [18, 22, 16, 12, 10, 6],
        competitor: 0,
        notes: [
            "The budget was cut",
            "Investments are frozen until next quarter",
            "The budget went to another project",
        ],
    },
    LossReason {
        name: "Missing feature",
        weights: [4, 20, 28, 8, 4, 2],
        competitor: 150,
        notes: [
            "Needs a certified configuration",
            "Does not work with the client's storage",
            "Wanted a longer warranty",
        ],
    },
    LossReason {
        name: "Price too high",
        weights: [6, 8, 16, 34, 32, 18],
        competitor: 350,
        notes: [
            "Ten per cent above the other offer",
            "Discount refused",
            "The total cost was above the limit",
        ],
    },
    LossReason {
        name: "Chose a competitor",
        weights: [3, 8, 15, 24, 30, 32],
        competitor: 1000,
        notes: [
            "Prefers its present supplier",
            "The competitor bundled the service",
            "Decided by the group's purchasing",
        ],
    },
    LossReason {
        name: "Delivery time too long",
        weights: [1, 3, 5, 10, 12, 16],
        competitor: 250,
        notes: [
            "Needed it within a week",
            "The parts were out of stock",
            "The installation date did not suit",
        ],
    },
    LossReason {
        name: "Decision postponed",
        weights: [4, 7, 7, 6, 10, 25],
        competitor: 0,
        notes: ["The project is on hold", "The board decides next year", "Waiting for a merger"],
    },
];

/// Competitors.
pub(super) const COMPETITORS: [&str; 4] =
    ["Bitharbour Hardware", "Korenaar Computers", "Nordwall Technik", "Quillon Data"];

/// A product and its list price.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) name: &'static str,
    pub(super) price_euros: u64,
    /// Its weight among the purchases of organisations.
    pub(super) organisation_weight: u32,
    /// Its weight among the purchases of persons.
    pub(super) person_weight: u32,
}

/// What the company sells.
pub(super) const PRODUCTS: [Product; 7] = [
    product("Beacon Dock", 58, 180, 450),
    product("Beacon Desk", 565, 207, 400),
    product("Lumen Station", 1_120, 158, 150),
    product("Lumen Server", 3_420, 163, 0),
    product("Halyard Rack", 4_790, 172, 0),
    product("Halyard Rack Plus", 5_540, 114, 0),
    product("Lighthouse Cluster", 26_400, 6, 0),
];

const fn product(
    name: &'static str,
    price_euros: u64,
    organisation_weight: u32,
    person_weight: u32,
) -> Product {
    Product { name, price_euros, organisation_weight, person_weight }
}

/// What is paid for a thousandth of the list price: discounts and extras.
pub(super) const PRICE_RATIO: Quantiles = [
    690, 828, 864, 888, 908, 925, 940, 955, 968, 982, 996, 1010, 1023, 1036, 1050, 1064, 1082,
    1104, 1130, 1168, 1290,
];

/// Days from opening to winning: quick repeat sales, and projects.
pub(super) const WON_DAYS: Quantiles =
    [1, 3, 5, 7, 8, 9, 11, 13, 16, 22, 42, 55, 64, 71, 78, 84, 90, 97, 105, 116, 138];

/// Days from opening to losing: weeded out within two weeks, or late.
pub(super) const LOST_DAYS: Quantiles =
    [1, 2, 3, 4, 6, 7, 8, 9, 10, 12, 14, 24, 46, 60, 69, 77, 86, 96, 107, 119, 138];

/// How long a stay in a stage is, as a percentage of its usual share.
pub(super) const STAY_PERCENT: Quantiles =
    [8, 15, 22, 30, 38, 46, 54, 62, 70, 78, 87, 96, 106, 117, 130, 145, 163, 186, 218, 275, 450];

/// Days that a stalled deal is parked for.
pub(super) const STALL_DAYS: Quantiles =
    [14, 17, 20, 22, 24, 26, 28, 30, 33, 35, 38, 41, 44, 48, 52, 56, 61, 67, 75, 88, 120];

/// Sellers by the number of their deals: each one's share of all deals.
pub(super) const SELLER_SHARES: [u32; SELLERS] = [
    150, 92, 90, 88, 75, 74, 72, 70, 68, 64, 62, 62, 60, 57, 56, 55, 54, 53, 52, 52, 48, 47, 42,
    41, 40, 36, 33, 31, 26, 24,
];

/// Sellers by their skill: deals won of [`SKILL_SCALE`] that come to an end.
pub(super) const SELLER_SKILLS: [usize; SELLERS] = [
    22, 23, 23, 23, 23, 24, 24, 24, 24, 25, 25, 25, 25, 25, 25, 25, 26, 26, 26, 26, 26, 26, 26, 26,
    27, 27, 27, 27, 28, 28,
];

/// What [`SELLER_SKILLS`] is counted of.
pub(super) const SKILL_SCALE: usize = 40;
