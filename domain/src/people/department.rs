//! Departments: the company's tree, each with a head.

use crate::Refusal;

/// A department does not stand above itself, by way of others neither.
pub fn may_be_above(loops: bool) -> Result<(), Refusal> {
    if loops {
        let detail = "The department would be above itself.";
        return Err(Refusal::conflict("department_loop", "/parent_id", detail));
    }
    Ok(())
}

/// Who is put below a department, or into it: it is in use.
pub fn may_have(pointer: &str, archived: bool) -> Result<(), Refusal> {
    in_use(pointer, "department", !archived)
}

/// Its head is somebody who is still there.
pub fn may_be_led_by(active: bool) -> Result<(), Refusal> {
    in_use("/head_id", "user", active)
}

fn in_use(pointer: &str, what: &str, is: bool) -> Result<(), Refusal> {
    if is { Ok(()) } else { Err(Refusal::unknown(pointer, what)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_has_no_loops_and_no_one_who_is_gone() {
        assert_eq!(may_be_above(true).unwrap_err().code(), "department_loop");
        assert!(may_be_above(false).is_ok());
        let refused = may_have("/parent_id", true).unwrap_err().faults();
        assert_eq!(
            (refused[0].pointer.as_str(), refused[0].code),
            ("/parent_id", "unknown_reference")
        );
        let refused = may_be_led_by(false).unwrap_err().faults();
        assert_eq!(
            (refused[0].pointer.as_str(), refused[0].code),
            ("/head_id", "unknown_reference")
        );
        assert!(may_have("/department_id", false).is_ok() && may_be_led_by(true).is_ok());
    }
}
