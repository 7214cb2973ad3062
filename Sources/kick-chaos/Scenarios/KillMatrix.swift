import Gateway
import Net
import ProcessKit
import Sandbox
import Synchronization

/// Where in a refresh a process is killed.
enum KillPoint: String, CaseIterable, Sendable {
    case beforeIntent = "before_intent"
    case afterIntent = "after_intent"
    /// While Kick holds back its answer: it has rotated the token.
    case afterSend = "after_send"
    case afterAnswer = "after_answer"
    case afterSeal = "after_seal"
    case beforeCommit = "before_commit"
    case afterCommit = "after_commit"
    case beforeRelease = "before_release"

    var step: RefreshStep {
        switch self {
        case .beforeIntent: .beforeIntent
        case .afterIntent: .afterIntent
        case .afterSend: .calling
        case .afterAnswer: .afterAnswer
        case .afterSeal: .afterSeal
        case .beforeCommit: .beforeCommit
        case .afterCommit: .afterCommit
        case .beforeRelease: .beforeRelease
        }
    }

    /// Kick has rotated the token, and the new one is stored nowhere.
    var losesThePair: Bool {
        switch self {
        case .afterSend, .afterAnswer, .afterSeal, .beforeCommit: true
        case .beforeIntent, .afterIntent, .afterCommit, .beforeRelease: false
        }
    }
}

/// Every step of a refresh in every mode of Kick's refresh tokens: processes that end there, one after the other, and what
/// becomes of their logins.
struct KillMatrix: Sendable {
    let workshop: Workshop
    let server: DatabaseServer

    static let modes: [RefreshMode] = [.reusable, .singleUseWithGrace(seconds: 60), .singleUse]

    func run() async throws -> Outcome {
        let options = workshop.options
        let times = options.times ?? 20
        let cells = (options.mode.map { [$0] } ?? Self.modes).flatMap { mode in
            (options.only.map { [$0] } ?? KillPoint.allCases).map { KillCell(mode: mode, point: $0, times: times) }
        }
        let waiting = Mutex(Array(cells.enumerated())[...])
        let results = Mutex<[Int: Result<KillCell.Finding, any Error>]>([:])
        let workers = (0..<min(options.parallel, cells.count)).map { number in
            workshop.loops.loops[number % workshop.loops.loops.count].spawn { [workshop, server] in
                while let (index, cell) = waiting.withLock({ $0.popFirst() }) {
                    let result: Result<KillCell.Finding, any Error>
                    do {
                        result = .success(try await cell.run(workshop, server, name: "cell_\(index)"))
                    } catch {
                        result = .failure(error)
                        say("\(cell.name): \(error)")
                    }
                    results.withLock { $0[index] = result }
                }
            }
        }
        for worker in workers { await worker.value }
        let findings = try results.withLock { results in try cells.indices.compactMap { try results[$0]?.get() } }
        return outcome(findings)
    }

    private func outcome(_ findings: [KillCell.Finding]) -> Outcome {
        var table = Outcome.Table(columns: [
            "refresh tokens", "killed", "#kills", "#at a second attempt", "#logins", "#recovered",
            "#`reconnect_required`", "#lost silently",
            "#superseded uses", "#median s from lease's end to recovery",
        ])
        for finding in findings {
            table.rows.append([
                "`\(finding.cell.mode)`", finding.cell.point.rawValue, "\(finding.kills)",
                "\(finding.secondKills)", "\(finding.logins)",
                "\(finding.recovered)", "\(finding.reconnectRequired)", "\(finding.lostSilently)",
                "\(finding.supersededUses)", finding.recoverySeconds.at(0.5).map { $0.text(1) } ?? "–",
            ])
        }
        var outcome = Outcome()
        outcome.tables = [table]
        let lenient = findings.filter { $0.cell.mode != .singleUse }
        let strict = findings.filter { $0.cell.mode == .singleUse }
        func kills(_ findings: [KillCell.Finding]) -> Int { findings.reduce(0) { $0 + $1.kills } }
        if !lenient.isEmpty {
            let lost = lenient.reduce(0) { $0 + $1.logins - $1.recovered }
            outcome.expect(
                lost == 0, "reusable tokens and tokens with a grace period: no login lost in \(kills(lenient)) kills",
                broken: "\(lost) lost")
        }
        if !strict.isEmpty {
            let wrong = strict.filter { !$0.cell.point.losesThePair && $0.recovered != $0.logins }
            outcome.expect(
                wrong.isEmpty,
                "strict single use: in \(kills(strict)) kills a login was lost only between Kick's answer and the commit",
                broken: wrong.map(\.cell.name).joined(separator: ", "))
        }
        let problems = findings.flatMap { finding in finding.problems.map { "\(finding.cell.name): \($0)" } }
        outcome.expect(
            findings.allSatisfy { $0.lostSilently == 0 } && problems.isEmpty,
            "every login works, or says `reconnect_required` in its state and in the tenant's log, and then Kick takes "
                + "none of its tokens; never two refreshes of one login at once",
            broken: problems.joined(separator: "; "))
        return outcome
    }
}
