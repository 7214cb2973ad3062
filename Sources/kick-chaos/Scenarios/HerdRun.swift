/// Later.
struct HerdRun: Sendable {
    let workshop: Workshop
    let server: DatabaseServer

    func run() async throws -> Outcome { Outcome() }
}
