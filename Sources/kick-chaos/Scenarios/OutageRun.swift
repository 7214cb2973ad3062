/// Later.
struct OutageRun: Sendable {
    let workshop: Workshop
    let server: DatabaseServer

    func run() async throws -> Outcome { Outcome() }
}
