//! The tables, as the migrations make them; a test compares the two.

diesel::table! {
    instance_keys (name) {
        name -> Text,
        secret -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    workspaces (workspace_id) {
        workspace_id -> Uuid,
        name -> Text,
        currency -> Text,
        time_zone -> Text,
        deal_visibility -> Text,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        country -> Nullable<Text>,
        working_hours -> Jsonb,
        calendar_version -> Int4,
        require_primary_demand -> Bool,
        raw_event_days -> Int4,
        recording_days -> Int4,
    }
}

diesel::table! {
    holidays (workspace_id, day) {
        workspace_id -> Uuid,
        day -> Date,
        id -> Uuid,
        name -> Nullable<Text>,
        hours -> Jsonb,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    departments (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        parent_id -> Nullable<Uuid>,
        head_id -> Nullable<Uuid>,
        archived -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    users (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        email -> Nullable<Text>,
        role -> Text,
        position -> Nullable<Text>,
        department_id -> Nullable<Uuid>,
        active -> Bool,
        password_hash -> Nullable<Text>,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        token_version -> Int4,
    }
}

diesel::table! {
    refresh_tokens (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        family_id -> Uuid,
        user_id -> Uuid,
        token_hash -> Bytea,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        token_version -> Int4,
    }
}

diesel::table! {
    login_addresses (workspace_id, user_id, address_hash) {
        workspace_id -> Uuid,
        user_id -> Uuid,
        address_hash -> Bytea,
        last_login_at -> Timestamptz,
    }
}

diesel::table! {
    password_resets (workspace_id, user_id) {
        workspace_id -> Uuid,
        user_id -> Uuid,
        token_hash -> Bytea,
        expires_at -> Timestamptz,
        created_at -> Timestamptz,
        made_by -> Nullable<Jsonb>,
    }
}

diesel::table! {
    api_keys (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        key_hash -> Bytea,
        prefix -> Text,
        scopes -> Array<Text>,
        created_by -> Nullable<Uuid>,
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        maker_id -> Nullable<Uuid>,
        parent_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    sources (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        archived -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    competitors (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        archived -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    loss_reasons (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        archived -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    client_changes (workspace_id, position) {
        workspace_id -> Uuid,
        position -> Int8,
        client_id -> Uuid,
        spreads -> Bool,
        changed_at -> Timestamptz,
        had -> Nullable<Text>,
    }
}

diesel::table! {
    client_pairs (workspace_id, one, other) {
        workspace_id -> Uuid,
        one -> Uuid,
        other -> Uuid,
        score -> Float8,
        reasons -> Jsonb,
    }
}

diesel::table! {
    clients (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        kind -> Text,
        client_type -> Text,
        class -> Nullable<Text>,
        region -> Nullable<Text>,
        tags -> Array<Text>,
        consent -> Nullable<Bool>,
        archived -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        phones -> Array<Text>,
        emails -> Array<Text>,
        tax_id -> Nullable<Text>,
        external_source -> Nullable<Text>,
        external_id -> Nullable<Text>,
        name_key -> Nullable<Text>,
        merged_into -> Nullable<Uuid>,
        custom -> Jsonb,
        owner_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    contacts (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        client_id -> Uuid,
        name -> Text,
        position -> Nullable<Text>,
        phones -> Array<Text>,
        emails -> Array<Text>,
        archived -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    deal_types (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        mode -> Text,
        enabled -> Bool,
        allow_skip -> Bool,
        allow_back -> Bool,
        require_primary_demand -> Bool,
        current_version_id -> Uuid,
        archived -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    process_versions (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        deal_type_id -> Uuid,
        number -> Int4,
        created_at -> Timestamptz,
        rules -> Jsonb,
        withdrawn_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    process_migrations (workspace_id, deal_type_id, migrated_at) {
        workspace_id -> Uuid,
        deal_type_id -> Uuid,
        migrated_at -> Timestamptz,
        version_id -> Uuid,
        mapping -> Jsonb,
    }
}

diesel::table! {
    stages (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        version_id -> Uuid,
        position -> Int2,
        key -> Text,
        name -> Text,
        goal -> Nullable<Text>,
        probability -> Numeric,
        norm_days -> Nullable<Numeric>,
        gate -> Jsonb,
        tasks -> Jsonb,
        performer -> Nullable<Jsonb>,
        cost -> Nullable<Numeric>,
    }
}

diesel::table! {
    deals (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        deal_type_id -> Uuid,
        version_id -> Uuid,
        title -> Text,
        client_id -> Nullable<Uuid>,
        owner_id -> Uuid,
        amount -> Numeric,
        currency -> Text,
        base_amount -> Numeric,
        source_id -> Nullable<Uuid>,
        lead_temperature -> Nullable<Text>,
        expected_close_on -> Nullable<Date>,
        external_source -> Nullable<Text>,
        external_id -> Nullable<Text>,
        status -> Text,
        stage_id -> Nullable<Uuid>,
        position -> Nullable<Int2>,
        depth -> Int2,
        hold_reason -> Nullable<Text>,
        hold_resume_on -> Nullable<Date>,
        hold_since -> Nullable<Timestamptz>,
        loss_reason_id -> Nullable<Uuid>,
        loss_note -> Nullable<Text>,
        competitor_id -> Nullable<Uuid>,
        opened_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
        visit -> Int4,
        visit_entered_at -> Timestamptz,
        visit_held_seconds -> Int8,
        segment -> Int4,
        segment_entered_at -> Timestamptz,
        reopened -> Int4,
        sequence -> Int4,
        last_occurred_at -> Timestamptz,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        stage_path -> Nullable<Text>,
        custom -> Jsonb,
        overrides -> Int4,
        fired -> Array<Uuid>,
        alarm_at -> Nullable<Timestamptz>,
        touched -> Nullable<Array<Int4>>,
        visit_stage -> Nullable<Int4>,
        initiated_by -> Nullable<Text>,
        from_activity_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    rings (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Int8,
        client_id -> Nullable<Uuid>,
        currency -> Nullable<Text>,
        rung_at -> Timestamptz,
        again_after -> Nullable<Int8>,
    }
}

diesel::table! {
    stage_visits (workspace_id, deal_id, sequence) {
        workspace_id -> Uuid,
        deal_id -> Uuid,
        sequence -> Int4,
        visit -> Int4,
        deal_type_id -> Uuid,
        version_id -> Uuid,
        stage_id -> Nullable<Uuid>,
        position -> Int2,
        entered_at -> Timestamptz,
        left_at -> Nullable<Timestamptz>,
        ended_by -> Nullable<Text>,
        direction -> Nullable<Text>,
        visit_entered_at -> Timestamptz,
        visit_held_seconds -> Int8,
        held -> Bool,
        owner_id -> Uuid,
        base_amount -> Numeric,
        probability -> Nullable<Numeric>,
        cause -> Json,
        stage_number -> Nullable<Int4>,
    }
}

diesel::table! {
    events (workspace_id, position) {
        workspace_id -> Uuid,
        position -> Int8,
        id -> Uuid,
        event_type -> Text,
        object_id -> Uuid,
        sequence -> Int4,
        occurred_at -> Timestamptz,
        recorded_at -> Timestamptz,
        actor -> Nullable<Json>,
        change -> Nullable<Json>,
        object -> Nullable<Json>,
        packed -> Nullable<Bytea>,
    }
}

diesel::table! {
    integrations (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        adapter -> Text,
        name -> Text,
        enabled -> Bool,
        secret -> Text,
        previous_secret -> Nullable<Text>,
        previous_until -> Nullable<Timestamptz>,
        country -> Nullable<Text>,
        access_digit -> Nullable<Text>,
        lines -> Array<Text>,
        extensions -> Jsonb,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        external_url -> Nullable<Text>,
        time_zone -> Nullable<Text>,
        deal_type_id -> Nullable<Uuid>,
        call_back_minutes -> Nullable<Int4>,
        recordings -> Text,
    }
}

diesel::table! {
    recordings (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        activity_id -> Uuid,
        integration_id -> Uuid,
        url -> Text,
        state -> Text,
        attempts -> Int4,
        next_at -> Nullable<Timestamptz>,
        reason -> Nullable<Text>,
        object_id -> Nullable<Uuid>,
        content_type -> Nullable<Text>,
        bytes -> Nullable<Int8>,
        happened_at -> Timestamptz,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    inbox_entries (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        integration_id -> Uuid,
        direction -> Text,
        number -> Nullable<Text>,
        status -> Text,
        user_id -> Nullable<Uuid>,
        client_id -> Nullable<Uuid>,
        deal_id -> Nullable<Uuid>,
        reason -> Nullable<Text>,
        calls -> Int4,
        last_status -> Nullable<Text>,
        last_activity_id -> Nullable<Uuid>,
        first_at -> Timestamptz,
        last_at -> Timestamptz,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    call_roots (workspace_id, integration_id, root) {
        workspace_id -> Uuid,
        integration_id -> Uuid,
        root -> Text,
        call_id -> Uuid,
    }
}

diesel::table! {
    call_backs (workspace_id, number) {
        workspace_id -> Uuid,
        number -> Text,
        call_id -> Uuid,
        task_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    integration_refusals (workspace_id, integration_id) {
        workspace_id -> Uuid,
        integration_id -> Uuid,
        at -> Timestamptz,
        reason -> Text,
    }
}

diesel::table! {
    raw_events (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        integration_id -> Uuid,
        received_at -> Timestamptz,
        token -> Nullable<Text>,
        content_type -> Nullable<Text>,
        body -> Bytea,
        state -> Text,
        reason -> Nullable<Text>,
        target -> Text,
    }
}

diesel::table! {
    calls (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        integration_id -> Uuid,
        root -> Text,
        told -> Jsonb,
        direction -> Text,
        number -> Nullable<Text>,
        e164 -> Nullable<Text>,
        status -> Nullable<Text>,
        talk_seconds -> Int8,
        user_id -> Nullable<Uuid>,
        client_id -> Nullable<Uuid>,
        contact_id -> Nullable<Uuid>,
        deal_id -> Nullable<Uuid>,
        candidates -> Jsonb,
        activity_id -> Nullable<Uuid>,
        began_at -> Nullable<Timestamptz>,
        closed_by_clock -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        inbox_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    idempotency_keys (workspace_id, caller_id, key) {
        workspace_id -> Uuid,
        caller_id -> Uuid,
        key -> Text,
        request_hash -> Bytea,
        status -> Int2,
        etag -> Nullable<Text>,
        location -> Nullable<Text>,
        body -> Nullable<Text>,
        created_at -> Timestamptz,
        unfinished -> Bool,
    }
}

diesel::table! {
    imports (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        spec -> Jsonb,
        header -> Jsonb,
        file_name -> Nullable<Text>,
        file_size -> Int8,
        state -> Text,
        error -> Nullable<Text>,
        dry_run -> Bool,
        rows_total -> Nullable<Int8>,
        rows_done -> Int8,
        created -> Int8,
        updated -> Int8,
        unchanged -> Int8,
        rejected -> Int8,
        notes -> Jsonb,
        created_by -> Jsonb,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        rows_read -> Int8,
        last_case -> Nullable<Text>,
        waiting_for -> Nullable<Text>,
    }
}

diesel::table! {
    import_chunks (workspace_id, import_id, number) {
        workspace_id -> Uuid,
        import_id -> Uuid,
        number -> Int4,
        bytes -> Bytea,
    }
}

diesel::table! {
    import_rejections (workspace_id, import_id, line, number) {
        workspace_id -> Uuid,
        import_id -> Uuid,
        line -> Int8,
        number -> Int4,
        field -> Text,
        code -> Text,
        reason -> Text,
        row -> Jsonb,
    }
}

diesel::table! {
    import_rows (workspace_id, import_id, case_id, line) {
        workspace_id -> Uuid,
        import_id -> Uuid,
        case_id -> Text,
        line -> Int8,
        cells -> Array<Text>,
    }
}

diesel::table! {
    tasks (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        deal_id -> Nullable<Uuid>,
        client_id -> Nullable<Uuid>,
        key -> Nullable<Text>,
        stage_id -> Nullable<Uuid>,
        visit -> Nullable<Int4>,
        title -> Text,
        description -> Nullable<Text>,
        status -> Text,
        priority -> Text,
        responsible_id -> Uuid,
        creator_id -> Nullable<Uuid>,
        by_process -> Bool,
        starts_at -> Nullable<Timestamptz>,
        due_at -> Nullable<Timestamptz>,
        started_at -> Nullable<Timestamptz>,
        done_at -> Nullable<Timestamptz>,
        done_by -> Nullable<Uuid>,
        result_fields -> Jsonb,
        result -> Nullable<Text>,
        links -> Jsonb,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        reopened_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    task_people (workspace_id, task_id, user_id, part) {
        workspace_id -> Uuid,
        task_id -> Uuid,
        user_id -> Uuid,
        part -> Text,
    }
}

diesel::table! {
    activities (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        kind -> Text,
        direction -> Nullable<Text>,
        title -> Text,
        note -> Nullable<Text>,
        planned_at -> Nullable<Timestamptz>,
        happened_at -> Nullable<Timestamptz>,
        cancelled -> Bool,
        goal -> Nullable<Text>,
        outcome -> Nullable<Text>,
        result -> Nullable<Text>,
        duration_seconds -> Nullable<Int4>,
        recording_url -> Nullable<Text>,
        client_id -> Nullable<Uuid>,
        contact_id -> Nullable<Uuid>,
        deal_id -> Nullable<Uuid>,
        user_id -> Nullable<Uuid>,
        visit -> Nullable<Int4>,
        external_source -> Nullable<Text>,
        external_id -> Nullable<Text>,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        call_status -> Nullable<Text>,
    }
}

diesel::table! {
    documents (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        deal_id -> Uuid,
        kind -> Text,
        number -> Text,
        dated_on -> Date,
        amount -> Numeric,
        currency -> Text,
        base_amount -> Numeric,
        state -> Text,
        state_since -> Timestamptz,
        title -> Nullable<Text>,
        url -> Nullable<Text>,
        author_id -> Nullable<Uuid>,
        external_source -> Nullable<Text>,
        external_id -> Nullable<Text>,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    payments (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        deal_id -> Uuid,
        invoice_id -> Nullable<Uuid>,
        amount -> Numeric,
        currency -> Text,
        base_amount -> Numeric,
        received_at -> Timestamptz,
        note -> Nullable<Text>,
        external_source -> Nullable<Text>,
        external_id -> Nullable<Text>,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    process_drafts (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        deal_type_id -> Uuid,
        process -> Json,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    demands (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        deal_id -> Uuid,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    demand_lines (workspace_id, demand_id, number) {
        workspace_id -> Uuid,
        demand_id -> Uuid,
        number -> Int2,
        item -> Text,
        product_id -> Nullable<Uuid>,
        quantity -> Numeric,
        amount -> Numeric,
        currency -> Text,
        base_amount -> Numeric,
        met_quantity -> Numeric,
        unmet_reason -> Nullable<Text>,
    }
}

diesel::table! {
    hand_overs (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        from_id -> Uuid,
        to_id -> Uuid,
        what -> Array<Text>,
        reason -> Text,
        note -> Nullable<Text>,
        until -> Nullable<Date>,
        handed_over -> Jsonb,
        created_by -> Jsonb,
        returned_at -> Nullable<Timestamptz>,
        returned_by -> Nullable<Jsonb>,
        outcome -> Nullable<Jsonb>,
        alarm_at -> Nullable<Timestamptz>,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    hand_over_items (workspace_id, hand_over_id, kind, object_id) {
        workspace_id -> Uuid,
        hand_over_id -> Uuid,
        kind -> Text,
        object_id -> Uuid,
        outcome -> Nullable<Text>,
    }
}

diesel::table! {
    file_stores (singleton) {
        singleton -> Bool,
        id -> Uuid,
        noted_at -> Timestamptz,
    }
}

diesel::table! {
    stored_bytes (workspace_id) {
        workspace_id -> Uuid,
        bytes -> Int8,
    }
}

diesel::table! {
    stored_objects (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        state -> Text,
        bytes -> Int8,
        content_type -> Nullable<Text>,
        sha256 -> Nullable<Bytea>,
        remove_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    files (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        object_kind -> Text,
        object_id -> Uuid,
        name -> Text,
        content_type -> Nullable<Text>,
        bytes -> Int8,
        sha256 -> Bytea,
        stored_id -> Uuid,
        author_id -> Nullable<Uuid>,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    api_keys,
    client_changes,
    client_pairs,
    clients,
    competitors,
    contacts,
    deal_types,
    deals,
    departments,
    events,
    call_backs,
    call_roots,
    inbox_entries,
    integration_refusals,
    integrations,
    raw_events,
    recordings,
    calls,
    idempotency_keys,
    import_chunks,
    import_rejections,
    import_rows,
    imports,
    instance_keys,
    loss_reasons,
    process_migrations,
    process_versions,
    refresh_tokens,
    login_addresses,
    password_resets,
    sources,
    stage_visits,
    stages,
    users,
    activities,
    demand_lines,
    demands,
    documents,
    payments,
    process_drafts,
    task_people,
    tasks,
    workspaces,
);

diesel::table! {
    custom_fields (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        entity -> Text,
        key -> Text,
        name -> Text,
        description -> Nullable<Text>,
        field_type -> Text,
        choices -> Jsonb,
        archived -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    jobs (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        subject_id -> Nullable<Uuid>,
        state -> Text,
        run_at -> Timestamptz,
        attempts -> Int4,
        holder -> Nullable<Int4>,
        error -> Nullable<Text>,
        result -> Jsonb,
        created_by -> Nullable<Jsonb>,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    job_settings (workspace_id, name) {
        workspace_id -> Uuid,
        name -> Text,
        enabled -> Nullable<Bool>,
        schedule -> Nullable<Text>,
        next_at -> Nullable<Timestamptz>,
        served_at -> Nullable<Timestamptz>,
        version -> Int4,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    deal_titles (workspace_id, deal_id) {
        workspace_id -> Uuid,
        deal_id -> Uuid,
        title -> Text,
    }
}

diesel::table! {
    custom_values (workspace_id, object_id, field_id, number) {
        workspace_id -> Uuid,
        object_id -> Uuid,
        field_id -> Uuid,
        number -> Int2,
        text_value -> Nullable<Text>,
        number_value -> Nullable<Numeric>,
    }
}

diesel::table! {
    exchange_rates (workspace_id, currency, day) {
        workspace_id -> Uuid,
        currency -> Text,
        day -> Date,
        id -> Uuid,
        rate -> Numeric,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    segments (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        entity -> Text,
        condition -> Jsonb,
        archived -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    products (workspace_id, id) {
        workspace_id -> Uuid,
        id -> Uuid,
        name -> Text,
        sku -> Nullable<Text>,
        unit -> Nullable<Text>,
        price -> Nullable<Numeric>,
        currency -> Nullable<Text>,
        archived -> Bool,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}
