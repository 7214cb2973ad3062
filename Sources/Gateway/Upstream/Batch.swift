import Kick
package import Model

/// What became of a list of ids that was asked for: Kick takes them in pieces, and each piece can fail for itself.
package struct Batch<Element: Sendable>: Sendable {
    package struct Failure: Sendable {
        package let id: String
        package let code: GatewayError.Code
        package let detail: String
    }

    package private(set) var found: [Element] = []
    /// Asked for, and unknown to Kick.
    package private(set) var missing: [String] = []
    package private(set) var failed: [Failure] = []

    var isWhole: Bool { failed.isEmpty }

    /// Asks for the pieces one after the other. Throws only when all of them failed.
    ///
    /// A piece that Kick refuses is halved until what spoils it stands alone: for Kick one bad slug spoils all
    /// (FACTS §2.3). That one is missing then.
    ///
    /// - Parameters:
    ///   - names: what an element can have been asked for by, in small letters.
    static func load(
        _ asked: [String], names: @Sendable (Element) -> [String],
        piece: @Sendable ([String]) async throws(KickError) -> [Element]
    ) async throws(KickError) -> Batch {
        var batch = Batch()
        var pieces = stride(from: 0, to: asked.count, by: KickAPI.batchLength).map {
            Array(asked[$0..<min($0 + KickAPI.batchLength, asked.count)])
        }
        var lastError: KickError?
        var refusals: [KickError] = []
        var refused = 0
        while !pieces.isEmpty {
            let next = pieces.removeFirst()
            switch await result(of: next, piece) {
            case .success(let elements): batch.found += elements
            case .failure(let error)
            where error.kind == .badRequest && next.count > 1 && refused < longestSearch:
                refused += 1
                pieces = [Array(next[..<(next.count / 2)]), Array(next[(next.count / 2)...])] + pieces
            case .failure(let error) where error.kind == .badRequest && next.count == 1:
                refusals.append(error)
            // Another token is to be tried: by whoever gave us this one.
            case .failure(let error) where error.kind == .unauthorized: throw error
            case .failure(let error):
                lastError = error
                let trouble = KickTrouble.gatewayError(error, isLogin: false, changes: false)
                batch.failed += next.map { Failure(id: $0, code: trouble.code, detail: trouble.message) }
            }
        }
        // Not one of several is spoilt, but all: it is not about them.
        if asked.count > 1, refusals.count == asked.count, let refusal = refusals.last { throw refusal }
        if let lastError, batch.failed.count == asked.count { throw lastError }
        batch.settle(asked, names)
        return batch
    }

    /// How often a piece is halved for one request.
    private static var longestSearch: Int { 16 }

    /// Says what is missing, and puts everything in the order in which it was asked for, however the pieces came.
    private mutating func settle(_ asked: [String], _ names: (Element) -> [String]) {
        let known = Set(found.flatMap(names)).union(failed.map { $0.id.lowercased() })
        missing = asked.filter { !known.contains($0.lowercased()) }
        let places = Dictionary(zip(asked.map { $0.lowercased() }, asked.indices)) { first, _ in first }
        func sorted<Item>(_ items: [Item], by names: (Item) -> [String]) -> [Item] {
            items.map { (names($0).compactMap { places[$0] }.min() ?? .max, $0) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
        found = sorted(found, by: names)
        failed = sorted(failed) { [$0.id.lowercased()] }
    }

    private static func result(
        of piece: [String], _ ask: @Sendable ([String]) async throws(KickError) -> [Element]
    ) async -> Result<[Element], KickError> {
        do {
            return .success(try await ask(piece))
        } catch {
            return .failure(error)
        }
    }
}

/// How many ids or slugs one request may name.
let longestBatch = 100

extension KickRead {
    /// Each of `asked` once. Throws for none, and for more than ``longestBatch``.
    static func batch(_ asked: [String], _ field: String) throws(KickBoundError) -> [String] {
        var seen: Set<String> = []
        let unique = asked.filter { seen.insert($0).inserted }
        guard (1...longestBatch).contains(asked.count) else {
            throw KickBoundError(field, "must be 1 to \(longestBatch) entries, is \(asked.count)")
        }
        return unique
    }
}
