//! Error codes of operations, and what each of them answers.

use serde_json::{Map, Value, json};

use crate::http::problem::{CODES, Code};

/// Where the codes of an operation stand until they are said.
pub const OF: &str = "x-codes";
/// What it costs: heavy work has few places, for which it waits, and two minutes; everything else fifteen seconds.
const COST: &str = "x-cost";

/// Says the codes of every operation, and what it costs.
pub fn say(document: &mut Value) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for operation in
        paths.filter_map(|(_, item)| item.as_object_mut()).flat_map(|item| item.values_mut())
    {
        let Some(operation) = operation.as_object_mut() else { continue };
        let codes = operation.remove(OF).unwrap_or_default();
        let codes: Vec<_> =
            codes.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let is_heavy = codes.contains(&"too_many_heavy_requests");
        operation.insert(COST.to_owned(), json!(if is_heavy { "heavy" } else { "ordinary" }));
        add_problems(operation, &codes);
    }
}

/// Refusals that an operation has beside those of its kind.
pub fn own(id: &str) -> &'static [Code] {
    use Code::*;
    match id {
        "createToken" => &[invalid_credentials, too_many_login_attempts],
        "refreshToken" => &[invalid_credentials, refresh_token_reused],
        "setPassword" => &[invalid_credentials, too_many_login_attempts],
        "changePassword" => &[too_many_login_attempts],
        "createPasswordReset" => &[user_inactive],
        "postTelephonyEvent" | "callTelephonyMethod" => {
            &[invalid_signature, integration_disabled, rate_limited]
        }
        "rotateIntegrationSecret" => &[secret_not_made_here],
        "transitionInboxEntry" => &[
            inbox_status_refused,
            client_merged,
            external_id_taken,
            deal_type_disabled,
            deal_has_no_stages,
            skip_not_allowed,
            stage_not_in_process,
            stage_gate_unmet,
            transition_is_automatic,
        ],
        "createUser" => &[email_taken],
        "updateUser" => &[email_taken, last_admin],
        "updateDepartment" => &[department_loop],
        "createClient" => &[external_id_taken],
        "updateClient" => &[external_id_taken, client_merged],
        "upsertClient" => &[external_id_taken],
        "mergeClients" => &[client_merged],
        "createCustomField" => &[key_taken],
        "createProduct" | "updateProduct" => &[sku_taken],
        "createExchangeRate" => &[exchange_rate_taken],
        "createSegment" | "updateSegment" | "createSource" | "updateSource"
        | "createCompetitor" | "updateCompetitor" | "createLossReason" | "updateLossReason"
        | "createDealType" | "updateDealType" => &[name_taken],
        "createDeal" => &[
            external_id_taken,
            deal_type_disabled,
            deal_has_no_stages,
            skip_not_allowed,
            stage_not_in_process,
            stage_gate_unmet,
            transition_is_automatic,
        ],
        "updateTask" | "updateActivity" => &[not_a_participant],
        "getFileContent" => &[range_not_satisfiable],
        "getActivityRecording" => &[recording_not_kept, range_not_satisfiable],
        "fetchActivityRecording" => &[not_a_participant, recording_not_failed],
        "transitionTask" => &[
            not_a_participant,
            task_status_refused,
            deal_closed,
            review_outdated,
            external_id_taken,
        ],
        "createActivity" | "createDocument" => &[external_id_taken],
        "createFile" => &[files_full, upload_expired, not_a_participant],
        "deleteFile" => &[not_a_participant],
        "transitionDocument" => &[document_state_refused],
        "createPayment" => &[external_id_taken, document_state_refused],
        "updateDeal" => &[external_id_taken, deal_closed],
        "publishProcessDraft" => &[validation_failed],
        "withdrawProcessVersion" => &[only_version_left],
        "upsertDeal" => &[
            transition_is_automatic,
            external_id_taken,
            deal_closed,
            deal_type_disabled,
            deal_has_no_stages,
            skip_not_allowed,
            stage_not_in_process,
            stage_gate_unmet,
            version_mismatch,
        ],
        "transitionDeal" => &[
            already_in_stage,
            back_not_allowed,
            deal_closed,
            deal_has_no_stages,
            deal_moved_meanwhile,
            deal_not_on_hold,
            deal_on_hold,
            deal_open,
            no_next_stage,
            skip_not_allowed,
            stage_not_in_process,
            transition_is_automatic,
            loss_reason_required,
            stage_gate_unmet,
            override_not_allowed,
        ],
        "returnHandOver" => &[hand_over_returned, user_inactive],
        "cancelImport" => &[import_finished],
        "createImport" => &[too_many_jobs],
        "createJobRun" => &[too_many_jobs, run_not_failed, run_waiting],
        "dropJobRun" => &[run_not_failed],
        "getClosedFunnel"
        | "getOpenFunnel"
        | "getLosses"
        | "getStageDurations"
        | "listClosedFunnelDeals"
        | "listOpenFunnelDeals"
        | "listLossesDeals"
        | "listStageDurationsDeals"
        | "getTaskGantt" => &[not_acceptable],
        _ => &[],
    }
}

/// A response for every status that an error of the operation has, with the codes that it may carry.
fn add_problems(operation: &mut Map<String, Value>, codes: &[&str]) {
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    for row in CODES.iter().filter(|row| codes.contains(&row.1)) {
        let (status, code, _, meaning) = row;
        let response = responses.entry(status.to_string()).or_insert_with(|| {
            json!({
                "description": "",
                "content": {"application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
            })
        });
        let said = response["description"].as_str().unwrap_or_default();
        let said = format!("{said}{}`{code}`: {meaning}", if said.is_empty() { "" } else { "\n" });
        response["description"] = Value::String(said);
        response["content"]["application/problem+json"]["examples"][*code] = example(row);
    }
}

pub fn example((status, code, title, meaning): &(u16, &str, &str, &str)) -> Value {
    json!({"summary": title, "value": {
        "type": format!("urn:voronka:problem:{code}"), "title": title, "status": status, "code": code,
        "detail": meaning, "request_id": "0199c2f0-7a35-7d0e-9d5a-3f0a5f1c2b11", "errors": [],
    }})
}
