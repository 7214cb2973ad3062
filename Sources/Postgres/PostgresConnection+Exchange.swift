import CPostgres
import Net

// Sending queries and receiving their results.
extension PostgresConnection {
    /// What the server answers, in order.
    private enum Expected {
        case deallocated
        case prepared(StatementCache.Key)
        case rows
    }

    /// Runs the queries in one round trip and one implicit transaction (unless one is open already): all of them take
    /// effect or none. Each statement has its own snapshot: it sees what others committed before it began.
    ///
    /// Throws the first query's error that failed.
    func run(
        _ queries: [Query], by deadline: Deadline, cancellable: Bool = true
    ) async throws(DatabaseError) -> [Rows] {
        // The protocol counts parameters with 16 bits.
        guard queries.allSatisfy({ $0.slots.count <= 65_535 }) else {
            throw DatabaseError(.misuse, "a query has more than 65,535 parameters")
        }
        return try await perform(cancellable: cancellable) { (libpq) async throws(DatabaseError) in
            do throws(DatabaseError) {
                let expected = try send(queries, on: libpq)
                try await flush(libpq, until: deadline)
                return try await receive(expected, from: libpq, until: deadline)
            } catch {
                // From the first byte on, silence leaves the outcome open. A refusal is an answer.
                throw error.isAnswer ? error : error.outcome(unknown: true)
            }
        }
    }

    /// Runs SQL text of any number of statements without parameters, all in one implicit transaction.
    func run(script: String, by deadline: Deadline) async throws(DatabaseError) {
        try await perform(cancellable: true) { (libpq) async throws(DatabaseError) in
            // The simple protocol, the only one that takes several statements, is not for pipelines.
            guard libpq.exitPipelineMode(), libpq.send(script: script) else { throw .connectionLost(libpq.message) }
            try await flush(libpq, until: deadline)
            var failure: DatabaseError?
            while let result = try await next(libpq, until: deadline) {
                switch result.status {
                case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                    throw DatabaseError(.misuse, "COPY is not supported")
                case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE:
                    failure = failure ?? error(from: result, on: libpq)
                default: break
                }
            }
            if let failure, !failure.isAnswer { throw failure }
            guard libpq.enterPipelineMode() else { throw .connectionLost(libpq.message) }
            if let failure { throw failure }
        }
    }

    /// A round trip that runs nothing: whether the server still answers.
    func probe(by deadline: Deadline) async throws(DatabaseError) {
        _ = try await run([], by: deadline)
    }

    // MARK: Sending

    private func send(_ queries: [Query], on libpq: LibPQ) throws(DatabaseError) -> [Expected] {
        var expected: [Expected] = []
        expected.reserveCapacity(queries.count)
        for query in queries {
            let key = StatementCache.Key(sql: query.sql, types: query.types)
            let statement = statements.use(key)
            var isSent = true
            if let evicted = statement.evicted {
                isSent = libpq.sendWithoutPreparing("DEALLOCATE \(evicted)")
                expected.append(.deallocated)
            }
            if statement.isNew {
                isSent = isSent && libpq.sendPrepare(statement.name, query.sql, query.types)
                expected.append(.prepared(key))
            }
            guard isSent, libpq.sendExecute(statement.name, query) else { throw .connectionLost(libpq.message) }
            expected.append(.rows)
        }
        guard libpq.sendSync() else { throw .connectionLost(libpq.message) }
        return expected
    }

    /// Writes out what libpq has buffered, reading meanwhile so that a server that writes too cannot block both.
    private func flush(_ libpq: LibPQ, until deadline: Deadline) async throws(DatabaseError) {
        while true {
            let pending = libpq.flush()
            if pending == 0 { return }
            guard pending == 1 else { throw .connectionLost(libpq.message) }
            let ready = try await wait(for: [.readable, .writable], until: deadline)
            if ready.contains(.readable), !libpq.consumeInput() { throw .connectionLost(libpq.message) }
        }
    }

    // MARK: Receiving

    private func receive(
        _ expected: [Expected], from libpq: LibPQ, until deadline: Deadline
    ) async throws(DatabaseError) -> [Rows] {
        var results: [Rows] = []
        var failure: DatabaseError?
        var index = 0
        while true {
            // Nil ends the results of one command; the synchronisation point ends them all.
            guard let result = try await next(libpq, until: deadline) else {
                index += 1
                if index > expected.count { throw .connectionLost(libpq.message) }
                continue
            }
            let awaited = index < expected.count ? expected[index] : nil
            switch (result.status, awaited) {
            case (PGRES_PIPELINE_SYNC, _):
                if let failure { throw failure }
                return results
            case (PGRES_TUPLES_OK, .rows), (PGRES_COMMAND_OK, .rows), (PGRES_EMPTY_QUERY, .rows):
                results.append(Rows(result))
            case (PGRES_TUPLES_OK, _), (PGRES_COMMAND_OK, _):
                break
            case (PGRES_COPY_IN, _), (PGRES_COPY_OUT, _), (PGRES_COPY_BOTH, _):
                throw DatabaseError(.misuse, "COPY is not supported")
            default:
                // What was not prepared, because it failed or something before it did, is not in the cache.
                if case .prepared(let key) = awaited { statements.forget(key) }
                if result.status == PGRES_PIPELINE_ABORTED { break }
                let error = error(from: result, on: libpq)
                if !error.isAnswer { throw error }
                failure = failure ?? error
                // The schema changed under a prepared statement, or somebody deallocated it: begin anew elsewhere.
                if error.sqlState == .featureNotSupported || error.sqlState == .invalidStatementName { isSpent = true }
            }
        }
    }

    /// The next result of libpq, nil at the end of a command's results.
    private func next(_ libpq: LibPQ, until deadline: Deadline) async throws(DatabaseError) -> QueryResult? {
        while libpq.isBusy {
            _ = try await wait(for: .readable, until: deadline)
            guard libpq.consumeInput() else { throw .connectionLost(libpq.message) }
        }
        return libpq.nextResult()
    }

    // MARK: Errors

    private func error(from result: QueryResult, on libpq: LibPQ) -> DatabaseError {
        let message = result.errorField("M") ?? libpq.message
        // V: severity, in English. FATAL and PANIC end the connection: a shutdown, an administrator.
        guard let state = result.errorField("C"), result.errorField("V") == "ERROR", libpq.isConnected else {
            return .connectionLost(message)
        }
        let place = result.errorField("W").map { " (\($0))" } ?? ""
        return DatabaseError(
            .server(SQLState(rawValue: state)), "the database refused a statement", details: message + place,
            constraint: result.errorField("n"))
    }
}

extension DatabaseError {
    /// Whether the server itself said no: then nothing of the statement took effect.
    var isAnswer: Bool {
        switch kind {
        case .server, .decoding: true
        case .unavailable, .timedOut, .cancelled, .misuse: false
        }
    }
}
