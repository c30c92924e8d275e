//! The planted base.

/// A client as somebody has entered it.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub name: String,
    pub phone: Option<String>,
    /// Known of a contact, not of the client.
    pub contacts_phone: Option<String>,
    pub email: Option<String>,
    pub tax_id: Option<String>,
    /// Without legal form and errors.
    pub bare: String,
    /// What was done to it.
    pub trap: &'static str,
    /// The company that it is.
    company: usize,
}

#[derive(Debug, Default)]
pub struct Base {
    pub records: Vec<Record>,
    /// Records of different companies of one name.
    pub namesakes: Vec<(usize, usize)>,
}

impl Base {
    /// Records that are one company, the original first.
    pub fn same(&self) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for (at, record) in self.records.iter().enumerate() {
            let later = self.records.iter().enumerate().skip(at + 1);
            pairs.extend(
                later.filter(|(_, other)| other.company == record.company).map(|(to, _)| (at, to)),
            );
        }
        pairs
    }
}

/// Xorshift: the same seed makes the same base on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }
}

const FIRST: &[&str] = &[
    "Северный",
    "Уральский",
    "Балтийский",
    "Невский",
    "Волжский",
    "Сибирский",
    "Каспийский",
    "Донской",
    "Западный",
    "Восточный",
    "Приморский",
    "Камский",
    "Рижский",
    "Крымский",
    "Тверской",
    "Окский",
    "Ладожский",
    "Южный",
    "Кубанский",
    "Арктический",
];
const SECOND: &[&str] = &[
    "Горизонт",
    "Металл",
    "Картон",
    "Берег",
    "Кирпич",
    "Провод",
    "Фарватер",
    "Бетон",
    "Инструмент",
    "Кабель",
    "Завод",
    "Причал",
    "Экспорт",
    "Терминал",
    "Цемент",
    "Стекло",
    "Маяк",
    "Паркет",
];
const LATIN_FIRST: &[&str] = &[
    "Harbour",
    "Lindqvist",
    "Van Dijk",
    "Okonkwo",
    "Meridian",
    "Castellano",
    "Brightwater",
    "Kowalski",
    "Northgate",
    "Ferreira",
    "Dunmore",
    "Ashcroft",
    "Halvorsen",
    "Petrakis",
    "Oyelaran",
    "Silverdale",
];
const LATIN_SECOND: &[&str] = &[
    "Logistics",
    "Packaging",
    "Instruments",
    "Textiles",
    "Foundry",
    "Optics",
    "Bearings",
    "Shipping",
    "Ceramics",
    "Plastics",
    "Turbines",
    "Dairy",
    "Roasters",
    "Joinery",
    "Aviation",
    "Lighting",
];
const FORMS: &[(&str, &str)] = &[
    ("ООО «", "»"),
    ("ЗАО \"", "\""),
    ("АО ", ""),
    ("", ", ООО"),
    ("", " ООО"),
    ("ПАО \"", "\""),
    ("", ""),
    ("Общество с ограниченной ответственностью «", "»"),
];
const LATIN_FORMS: &[(&str, &str)] = &[
    ("", " B.V."),
    ("", " Ltd"),
    ("", ", Inc."),
    ("", " GmbH"),
    ("", " LLC"),
    ("", ""),
    ("", " S.A."),
    ("", " A/S"),
    ("", " Limited"),
];

fn dressed(random: &mut Random, bare: &str) -> String {
    let forms = if bare.is_ascii() { LATIN_FORMS } else { FORMS };
    let (before, after) = forms[random.below(forms.len())];
    let name = match random.below(6) {
        0 => bare.to_uppercase(),
        1 => bare.to_lowercase(),
        _ => bare.to_owned(),
    };
    format!("{before}{name}{after}")
}

/// One typing error: a letter too many, missing, wrong, or two swapped.
fn mistyped(random: &mut Random, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let alphabet = if text.is_ascii() { "etaoinshrdlu" } else { "оеаинтсрвлкм" };
    let alphabet: Vec<char> = alphabet.chars().collect();
    loop {
        let at = 1 + random.below(letters.len() - 2);
        if !letters[at].is_alphabetic() || !letters[at + 1].is_alphabetic() {
            continue;
        }
        let letter = alphabet[random.below(alphabet.len())];
        match random.below(4) {
            0 => letters.insert(at, letter),
            1 => drop(letters.remove(at)),
            2 if letters[at] != letter => letters[at] = letter,
            3 if letters[at] != letters[at + 1] => letters.swap(at, at + 1),
            _ => continue,
        }
        return letters.into_iter().collect();
    }
}

/// Two neighbouring digits swapped, or one wrong; the first four stay.
fn misread(random: &mut Random, digits: &str) -> String {
    let mut digits: Vec<char> = digits.chars().collect();
    loop {
        let at = 5 + random.below(digits.len() - 6);
        if random.chance(70) {
            if digits[at] != digits[at + 1] {
                digits.swap(at, at + 1);
                break;
            }
        } else {
            let digit = char::from(b'0' + random.below(10) as u8);
            if digits[at] != digit {
                digits[at] = digit;
                break;
            }
        }
    }
    digits.into_iter().collect()
}

/// Some letters typed in the other alphabet.
fn disguised(random: &mut Random, text: &str) -> String {
    const PAIRS: &[(char, char)] = &[
        ('а', 'a'),
        ('е', 'e'),
        ('о', 'o'),
        ('р', 'p'),
        ('с', 'c'),
        ('х', 'x'),
        ('у', 'y'),
        ('А', 'A'),
        ('В', 'B'),
        ('Е', 'E'),
        ('К', 'K'),
        ('М', 'M'),
        ('Н', 'H'),
        ('О', 'O'),
        ('Р', 'P'),
        ('С', 'C'),
        ('Т', 'T'),
        ('Х', 'X'),
    ];
    let other = |letter: char| {
        PAIRS.iter().find_map(|(one, two)| match letter {
            _ if letter == *one => Some(*two),
            _ if letter == *two => Some(*one),
            _ => None,
        })
    };
    let swap = |letter: char, random: &mut Random| match other(letter) {
        Some(twin) if random.chance(60) => twin,
        _ => letter,
    };
    text.chars().map(|letter| swap(letter, random)).collect()
}

fn turned(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    words.reverse();
    words.join(" ")
}

fn phone(random: &mut Random) -> String {
    format!("+7495{}{}", 2 + random.below(8), random.digits(6))
}

fn tax_id(random: &mut Random) -> String {
    format!("77{}", random.digits(8))
}

const COMPANIES: usize = 600;
const DUPLICATES: usize = 240;

/// Companies, some of one name, some behind one switchboard; then records that each repeat another one of
/// them.
pub fn base(seed: u64) -> Base {
    let random = &mut Random(seed);
    let mut names: Vec<String> = Vec::new();
    for (first, second) in [(FIRST, SECOND), (LATIN_FIRST, LATIN_SECOND)] {
        for one in first {
            names.extend(second.iter().map(|two| format!("{one} {two}")));
        }
    }
    let mut base = Base::default();
    let mut bare = Vec::new();
    let mut switchboard = String::new();
    for company in 0..COMPANIES {
        // Each tenth company has the name of the one before it.
        let namesake = company % 10 == 9;
        let name = match bare.last().filter(|_| namesake) {
            Some(name) => String::clone(name),
            None => names.swap_remove(random.below(names.len())),
        };
        if company % 40 == 0 {
            switchboard = phone(random);
        }
        let slug = format!("office@c{company}-{}.example", random.digits(3));
        let record = Record {
            name: dressed(random, &name),
            // Five of each forty sit behind one switchboard.
            phone: match company % 40 {
                0..5 => Some(switchboard.clone()),
                _ => random.chance(85).then(|| phone(random)),
            },
            email: random.chance(70).then_some(slug),
            tax_id: (namesake || company % 10 == 8 || random.chance(75)).then(|| tax_id(random)),
            contacts_phone: None,
            trap: "",
            bare: name.clone(),
            company,
        };
        if namesake {
            base.namesakes.push((company - 1, company));
        }
        base.records.push(record);
        bare.push(name);
    }
    let whole = |record: &Record| {
        record.phone.is_some() && record.email.is_some() && record.tax_id.is_some()
    };
    let mut left: Vec<usize> = (0..COMPANIES).filter(|at| whole(&base.records[*at])).collect();
    for number in 0..DUPLICATES {
        let company = left.swap_remove(random.below(left.len()));
        let (original, name) = (base.records[company].clone(), bare[company].clone());
        let wrong = mistyped(random, &name);
        let dress = |random: &mut Random, name: &str| dressed(random, name);
        let known = |text: &Option<String>| text.clone().unwrap_or_default();
        let blank = Record { company, bare: name.clone(), ..Record::default() };
        base.records.push(match number % 12 {
            0 => Record { trap: "another legal form", name: dress(random, &name), ..blank },
            1 => {
                let name = mistyped(random, &name);
                Record {
                    trap: "name mistyped",
                    name: dress(random, &name),
                    phone: original.phone,
                    ..blank
                }
            }
            2 => Record {
                trap: "phone misread",
                name: dress(random, &name),
                phone: Some(misread(random, &known(&original.phone))),
                ..blank
            },
            3 => Record {
                trap: "tax id misread",
                name: dress(random, &name),
                tax_id: Some(misread(random, &known(&original.tax_id))),
                ..blank
            },
            4 => {
                let name = disguised(random, &name);
                Record { trap: "look-alike letters", name: dress(random, &name), ..blank }
            }
            5 => {
                let name = disguised(random, &wrong);
                Record { trap: "look-alikes and mistyped", name, phone: original.phone, ..blank }
            }
            6 => Record {
                trap: "trade name",
                name: format!("{} {}", random.of(&["Лавка", "Shop", "Центр"]), random.digits(3)),
                tax_id: original.tax_id,
                ..blank
            },
            7 => {
                let name = dress(random, &wrong);
                let contacts_phone = original.phone;
                Record { trap: "phone at the contact", name, contacts_phone, ..blank }
            }
            8 => Record {
                trap: "email in capitals",
                name: name.split(' ').next().unwrap_or_default().to_owned(),
                bare: name.split(' ').next().unwrap_or_default().to_owned(),
                email: original.email.map(|email| email.replacen("office", "Office", 1)),
                ..blank
            },
            9 => {
                Record { trap: "words turned round", name: dress(random, &turned(&name)), ..blank }
            }
            10 => Record {
                trap: "name and tax id misread",
                name: dress(random, &wrong),
                tax_id: Some(misread(random, &known(&original.tax_id))),
                ..blank
            },
            _ => Record {
                trap: "name mistyped, nothing else",
                name: mistyped(random, &name),
                ..blank
            },
        });
    }
    base
}
