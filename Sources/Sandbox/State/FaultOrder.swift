extension Faults.Fault {
    /// Reads the body of POST /sandbox/faults; the text of the error says what is wrong.
    package static func parse(_ json: JSON) -> Result<Faults.Fault, SandboxError> {
        Result { () throws(SandboxError) in try Faults.Fault(json) }
    }

    private init(_ json: JSON) throws(SandboxError) {
        let order = try OrderReader(
            json,
            known: [
                "target", "when", "count", "every", "status", "body", "content_type", "retry_after", "delay_ms",
                "close", "preset", "path", "path_prefix", "method", "grant_type", "client_id", "user_id",
            ])
        guard let target = try order.choice("target", of: Faults.Target.self) else {
            throw .configuration(reason: "target: expected token, revoke, introspect or api")
        }
        self.init(target: target)
        // What the order names besides wins.
        if let preset = try order.choice("preset", of: Faults.Preset.self) { apply(preset) }
        moment = try order.choice("when", of: Faults.Moment.self) ?? moment
        remaining = try order.number("count", in: 1...1_000_000) ?? remaining
        every = try order.number("every", in: 1...1_000_000) ?? every
        status = try order.number("status", in: 200...599) ?? status
        delayMilliseconds = try order.number("delay_ms", in: 0...300_000) ?? delayMilliseconds
        retryAfter = try order.number("retry_after", in: 0...86400) ?? retryAfter
        // A text is sent byte for byte; anything else is written compactly.
        if let value = json["body"] { body = value.stringValue ?? value.text }
        contentType = try order.text("content_type") ?? contentType
        switch json["close"] {
        case nil: break
        case .bool(false): cut = nil
        case .bool(true): cut = .beforeHead
        case let value?:
            guard let chosen = value.stringValue.flatMap(Faults.Cut.init) else {
                throw .configuration(reason: "close: expected true, false, before_head or in_body")
            }
            cut = chosen
        }
        path = try order.text("path")
        pathPrefix = try order.text("path_prefix") ?? ""
        method = try order.text("method")
        grantType = try order.text("grant_type")
        clientID = try order.text("client_id")
        userID = try order.number("user_id", in: 1...Int.max)
        guard status != nil || cut != nil || delayMilliseconds > 0 else {
            throw .configuration(reason: "expected at least one of preset, status, close, delay_ms")
        }
    }
}
