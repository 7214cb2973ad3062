import Foundation
import Testing

@testable import PostgresCluster

/// Who runs PostgreSQL: as root and as an ordinary user.
@Suite(.serialized)
struct ClusterUserTests {
    @Test(.enabled(if: geteuid() == 0), .timeLimit(.minutes(1)))
    func rootDropsToAnUnprivilegedUser() async throws {
        try await blocking {
            let scratch = try Scratch()
            let cluster = try PostgresCluster.start(in: scratch.path, options: .test)
            defer { cluster.stop() }
            let pid = try #require(cluster.postmasterPID)
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            let uid = try #require(status.split(separator: "\n").first { $0.hasPrefix("Uid:") })
            #expect(!uid.split(separator: "\t").dropFirst().contains("0"))
        }
    }

    @Test(.enabled(if: geteuid() == 0), .timeLimit(.minutes(1)))
    func saysWhatToDoWhenTheUserCannotReachTheDirectory() async throws {
        try await blocking {
            let closed = try Scratch(mode: 0o700)
            let error = #expect(throws: PostgresClusterError.self) {
                try PostgresCluster.start(in: "\(closed.path)/data", options: .test)
            }
            #expect(error?.kind == .user)
            #expect(error?.description.contains("may not enter \(closed.path) (mode 700)") == true)
            #expect(error?.description.contains("GATEWAY_DATA_DIR") == true)
        }
    }

    @Test(.enabled(if: geteuid() == 0), .timeLimit(.minutes(1)))
    func saysWhatToDoWithoutAUserToDropTo() async throws {
        try await blocking {
            let scratch = try Scratch()
            var options = PostgresCluster.Options.test
            options.user = "no-such-user"
            let error = #expect(throws: PostgresClusterError.self) {
                try PostgresCluster.start(in: scratch.path, options: options)
            }
            #expect(error?.kind == .user)
            #expect(error?.description.contains("no-such-user") == true)
        }
    }

    /// Root runs another user's data as that user, who can go on with it afterwards.
    @Test(.enabled(if: geteuid() == 0), .timeLimit(.minutes(1)))
    func rootLeavesExistingDataToItsOwner() async throws {
        try await blocking {
            let scratch = try Scratch()
            var options = PostgresCluster.Options.test
            options.user = "nobody"
            try PostgresCluster.start(in: scratch.path, options: options).stop()
            options.user = "postgres"
            let cluster = try PostgresCluster.start(in: scratch.path, options: options)
            defer { cluster.stop() }
            let owner = try #require(FileStatus(following: "\(scratch.path)/postgres/data"))
            #expect(owner.uid == SystemUser(named: "nobody")?.uid)
        }
    }

    /// Other local users do not get in, not even past the socket's directory.
    @Test(.enabled(if: geteuid() == 0), .timeLimit(.minutes(1)))
    func strangersCannotConnect() async throws {
        try await blocking {
            let scratch = try Scratch()
            let cluster = try PostgresCluster.start(in: scratch.path, options: .test)
            defer { cluster.stop() }
            let psql = [
                "--reuid=nobody", "--regid=65534", "--clear-groups", "\(cluster.binaryDirectory)/psql", "-Xc",
                "SELECT 1",
                "-d", cluster.connectionString,
            ]
            let outside = try run("/usr/bin/setpriv", psql)
            #expect(outside.status != 0 && outside.output.contains("Permission denied"), "\(outside.output)")
            chmod(cluster.socketDirectory, 0o755)
            chmod("\(cluster.socketDirectory)/.s.PGSQL.54320", 0o777)
            let inside = try run("/usr/bin/setpriv", psql)
            #expect(inside.status != 0 && inside.output.contains("Peer authentication failed"), "\(inside.output)")
        }
    }

    /// The whole suite once more as an ordinary user: this test program starts itself as `nobody`.
    @Test(.enabled(if: geteuid() == 0 && TestProgram.isReachable), .timeLimit(.minutes(1)))
    func worksForAnOrdinaryUser() async throws {
        try await blocking {
            let ran = try run(
                "/usr/bin/setpriv",
                ["--reuid=nobody", "--regid=65534", "--clear-groups", "--"]
                    + TestProgram.command(
                        filter: "startsServesAndKeepsItsDataOverARestart|stopsAnOrphan|worksWhenNotRoot"),
                environment: ["PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": TestProgram.libraryPath])
            #expect(ran.status == 0, "\(ran.output.suffix(3000))")
            #expect(ran.output.contains("3 tests"), "\(ran.output.suffix(3000))")
        }
    }

    @Test(.enabled(if: geteuid() != 0), .timeLimit(.minutes(1)))
    func worksWhenNotRoot() async throws {
        try await blocking {
            let scratch = try Scratch()
            let cluster = try PostgresCluster.start(in: "\(scratch.path)/made/by/it", options: .test)
            defer { cluster.stop() }
            #expect(try cluster.psql("SELECT current_user") == "gateway")
        }
    }

    /// `kill -9` of the gateway ends the server: another process starts a cluster and is killed.
    @Test(.enabled(if: TestProgram.isReachable), .timeLimit(.minutes(1)))
    func theServerEndsWhenTheGatewayIsKilled() async throws {
        try await blocking {
            let scratch = try Scratch()
            let process = Process()
            let command = TestProgram.command(filter: "holdsAClusterUntilKilled")
            process.executableURL = URL(fileURLWithPath: command[0])
            process.arguments = Array(command.dropFirst())
            process.environment = ProcessInfo.processInfo.environment.merging(["KGW_HOLD": scratch.path]) { $1 }
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            let file = "\(scratch.path)/postgres/data/postmaster.pid"
            #expect(eventually { Files.text(of: file)?.contains("ready") == true })
            let pid = try #require(Files.text(of: file)?.split(separator: "\n").first.flatMap { pid_t($0) })
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            #expect(eventually { kill(pid, 0) != 0 || Files.text(of: "/proc/\(pid)/stat")?.contains(") Z") == true })

            let cluster = try PostgresCluster.start(in: scratch.path, options: .test)
            defer { cluster.stop() }
            #expect(try cluster.psql("SELECT 1") == "1")
        }
    }

    /// Not a test by itself: the process that `theServerEndsWhenTheGatewayIsKilled` starts and kills.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["KGW_HOLD"] != nil), .timeLimit(.minutes(1)))
    func holdsAClusterUntilKilled() async throws {
        try await blocking {
            let directory = try #require(ProcessInfo.processInfo.environment["KGW_HOLD"])
            let cluster = try PostgresCluster.start(in: directory, options: .test)
            defer { cluster.stop() }
            sleep(55)
        }
    }
}

/// The running test program, to be started again with a filter.
enum TestProgram {
    private static let arguments: [String] = {
        let data = FileManager.default.contents(atPath: "/proc/self/cmdline") ?? Data()
        return data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }()

    /// Whether everybody may run it; a checkout below /root is closed to others.
    static var isReachable: Bool {
        guard let user = SystemUser(named: "nobody"), arguments.first?.hasPrefix("/") == true else { return false }
        let directory = (arguments[0] as NSString).deletingLastPathComponent
        return (try? ClusterUser(user: user, mustSwitch: true).checkCanReach(directory)) != nil
    }

    static var libraryPath: String { ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"] ?? "" }

    static func command(filter: String) -> [String] {
        [arguments[0], "--testing-library", "swift-testing", "--filter", filter]
    }
}
