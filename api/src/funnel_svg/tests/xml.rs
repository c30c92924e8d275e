//! A strict reader of as much XML as the pictures use.

pub(crate) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// All text inside, of children as well but without tool tips.
    pub text: String,
}

impl Element {
    pub fn number(&self, attribute: &str) -> Option<f64> {
        let (_, value) = self.attributes.iter().find(|(name, _)| name == attribute)?;
        value.parse().ok()
    }

    pub fn is(&self, attribute: &str, wanted: &str) -> bool {
        self.attributes.iter().any(|(name, value)| name == attribute && value == wanted)
    }
}

/// All elements in their order; an error says what is wrong.
pub(crate) fn read(svg: &str) -> Result<Vec<Element>, String> {
    for c in svg.chars() {
        if (c.is_control() && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}') {
            return Err(format!("{c:?} is not allowed"));
        }
    }
    let mut elements: Vec<Element> = Vec::new();
    let mut stack: Vec<usize> = Vec::new();
    let mut rest = svg;
    while let Some(at) = rest.find('<') {
        let (text, tail) = rest.split_at(at);
        let text = unescape(text)?;
        let in_title = stack.last().is_some_and(|at| elements[*at].name == "title");
        for (depth, at) in stack.iter().enumerate() {
            if !in_title || depth + 1 == stack.len() {
                elements[*at].text.push_str(&text);
            }
        }
        if stack.is_empty() && !text.trim().is_empty() {
            return Err(format!("{text:?} outside the root"));
        }
        let end = tail.find('>').ok_or("a tag without an end")?;
        let tag = &tail[1..end];
        rest = &tail[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let open = stack.pop().ok_or("an end without a beginning")?;
            if elements[open].name != name {
                return Err(format!("{} ended by {name}", elements[open].name));
            }
            continue;
        }
        let (tag, alone) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        if stack.is_empty() && !elements.is_empty() {
            return Err("two roots".to_owned());
        }
        let mut element =
            Element { name: name.to_owned(), attributes: Vec::new(), text: String::new() };
        while !attributes.is_empty() {
            let (name, tail) = attributes.split_once("=\"").ok_or("not an attribute")?;
            let (value, tail) = tail.split_once('"').ok_or("a value without an end")?;
            let name = name.trim().to_owned();
            if element.attributes.iter().any(|(known, _)| *known == name) {
                return Err(format!("{name} twice"));
            }
            element.attributes.push((name, unescape(value)?));
            attributes = tail;
        }
        elements.push(element);
        if !alone {
            stack.push(elements.len() - 1);
        }
    }
    if !stack.is_empty() || !rest.trim().is_empty() {
        return Err("something is left open".to_owned());
    }
    Ok(elements)
}

fn unescape(text: &str) -> Result<String, String> {
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let (name, tail) = part.split_once(';').ok_or("a bare ampersand")?;
        plain.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#39" => '\'',
            _ => return Err(format!("&{name}; is not known")),
        });
        plain.push_str(tail);
    }
    Ok(plain)
}
