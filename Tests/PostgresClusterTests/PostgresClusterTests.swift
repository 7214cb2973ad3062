import Foundation
import Testing

@testable import PostgresCluster

/// Life and death of a private cluster, against the installed PostgreSQL.
@Suite(.serialized)
struct PostgresClusterTests {
    @Test(.timeLimit(.minutes(1)))
    func startsServesAndKeepsItsDataOverARestart() async throws {
        try await blocking {
            let scratch = try Scratch()
            let first = try PostgresCluster.start(in: scratch.path, options: .test)
            #expect(try first.psql("SELECT current_user, current_database()") == "gateway|gateway")
            #expect(try first.psql("CREATE TABLE kept AS SELECT 'Grüße' AS word; SELECT word FROM kept") == "Grüße")
            first.stop()
            first.stop()
            #expect(first.postmasterPID == nil)

            let second = try PostgresCluster.start(in: scratch.path, options: .test)
            defer { second.stop() }
            #expect(try second.psql("SELECT word FROM kept") == "Grüße")
            #expect(second.connectionString == first.connectionString)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func isPrivateAndSafe() async throws {
        try await blocking {
            let scratch = try Scratch()
            let cluster = try PostgresCluster.start(in: scratch.path, options: .test)
            defer { cluster.stop() }
            func setting(_ name: String) throws -> String { try cluster.psql("SHOW \(name)", user: "postgres") }
            #expect(try setting("listen_addresses") == "")
            #expect(try setting("port") != "5432")
            #expect(try setting("data_checksums") == "on")
            #expect(try setting("server_encoding") == "UTF8")
            #expect(try setting("lc_collate").hasPrefix("C"))
            #expect(try setting("max_connections") == "20")
            let sql = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
            #expect(try cluster.psql(sql) == "f")

            for directory in [cluster.socketDirectory, "\(scratch.path)/postgres/data"] {
                let status = try #require(FileStatus(following: directory))
                #expect(status.mode & 0o7777 == 0o700, "\(directory)")
            }
        }
    }

    /// fsync stays on unless a test turns it off.
    @Test(.timeLimit(.minutes(1)))
    func synchronisesItsWritesByDefault() async throws {
        try await blocking {
            let scratch = try Scratch()
            let cluster = try PostgresCluster.start(in: scratch.path)
            defer { cluster.stop() }
            for name in ["fsync", "full_page_writes", "synchronous_commit"] {
                #expect(try cluster.psql("SHOW \(name)") == "on", "\(name)")
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func refusesASecondGatewayInTheSameDirectory() async throws {
        try await blocking {
            let scratch = try Scratch()
            let cluster = try PostgresCluster.start(in: scratch.path, options: .test)
            defer { cluster.stop() }
            let error = #expect(throws: PostgresClusterError.self) {
                try PostgresCluster.start(in: scratch.path, options: .test)
            }
            #expect(error?.kind == .inUse)
            #expect(error?.description.contains("process \(getpid())") == true)
            #expect(try cluster.psql("SELECT 1") == "1")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func startsTheServerAgainWhenItIsKilled() async throws {
        try await blocking {
            let scratch = try Scratch()
            let cluster = try PostgresCluster.start(in: scratch.path, options: .test)
            defer { cluster.stop() }
            _ = try cluster.psql("CREATE TABLE kept AS SELECT 1 AS n")
            let killed = try #require(cluster.postmasterPID)
            kill(killed, SIGKILL)
            #expect(eventually { (try? cluster.psql("SELECT n FROM kept")) == "1" })
            #expect(cluster.postmasterPID != killed)
        }
    }

    /// What a gateway's `kill -9` leaves when even the death signal came to nothing: a server without a parent.
    @Test(.timeLimit(.minutes(1)))
    func stopsAnOrphanOfTheSameDirectoryAndStarts() async throws {
        try await blocking {
            let scratch = try Scratch()
            try PostgresCluster.start(in: scratch.path, options: .test).stop()
            let orphan = try startOrphan(in: scratch.path)
            let cluster = try PostgresCluster.start(in: scratch.path, options: .test)
            defer { cluster.stop() }
            #expect(try cluster.psql("SELECT 1") == "1")
            #expect(!isAlive(orphan))
        }
    }

    /// A postmaster that was killed leaves backends, the process file and the socket's lock behind.
    @Test(.timeLimit(.minutes(1)))
    func startsAfterAKilledOrphan() async throws {
        try await blocking {
            let scratch = try Scratch()
            try PostgresCluster.start(in: scratch.path, options: .test).stop()
            let orphan = try startOrphan(in: scratch.path)
            kill(orphan, SIGKILL)
            #expect(eventually { !isAlive(orphan) })
            let cluster = try PostgresCluster.start(in: scratch.path, options: .test)
            defer { cluster.stop() }
            #expect(try cluster.psql("SELECT 1") == "1")
        }
    }

    /// The process file names a living process that is not PostgreSQL: this one. It must be neither killed nor feared.
    @Test(.timeLimit(.minutes(1)))
    func ignoresAStaleProcessFileWhoseNumberIsSomebodyElses() async throws {
        try await blocking {
            let scratch = try Scratch()
            let first = try PostgresCluster.start(in: scratch.path, options: .test)
            let file = "\(scratch.path)/postgres/data/postmaster.pid"
            let text = try String(contentsOfFile: file, encoding: .utf8)
            first.stop()
            let stranger = try ChildProcess.start("/bin/sleep", ["60"], as: nil, output: 2, deathSignal: SIGKILL)
            defer {
                kill(stranger, SIGKILL)
                _ = ChildProcess.waitForEnd(of: stranger)
            }
            let stale = "\(stranger)\n" + text.split(separator: "\n", maxSplits: 1)[1]
            try stale.write(toFile: file, atomically: false, encoding: .utf8)

            let second = try PostgresCluster.start(in: scratch.path, options: .test)
            defer { second.stop() }
            #expect(try second.psql("SELECT 1") == "1")
            #expect(kill(stranger, 0) == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func beginsAnewAfterACrashWhileTheClusterWasBeingMade() async throws {
        try await blocking {
            let scratch = try Scratch()
            try FileManager.default.createDirectory(
                atPath: "\(scratch.path)/postgres/data.new/base", withIntermediateDirectories: true)
            let cluster = try PostgresCluster.start(in: scratch.path, options: .test)
            defer { cluster.stop() }
            #expect(try cluster.psql("SELECT 1") == "1")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func usesAShortPrivateSocketDirectoryForALongPath() async throws {
        try await blocking {
            let scratch = try Scratch()
            let long = "\(scratch.path)/\(String(repeating: "d", count: 120)) 'with, odd\" %41 ü'"
            let cluster = try PostgresCluster.start(in: long, options: .test)
            let directory = cluster.socketDirectory
            #expect(directory.utf8.count < 60)
            #expect(FileStatus(following: directory).map { $0.mode & 0o7777 } == 0o700)
            #expect(try cluster.psql("SELECT 1") == "1")
            cluster.stop()
            #expect(!Files.exists(directory))
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["a \"b\" %41 ü?", "a,b", "it's", "@x"])
    func quotesOddPaths(name: String) async throws {
        try await blocking {
            let scratch = try Scratch()
            let cluster = try PostgresCluster.start(in: "\(scratch.path)/\(name)", options: .test)
            defer { cluster.stop() }
            #expect(try cluster.psql("SELECT 1") == "1")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func namesTheServersLogWhenItDoesNotStart() async throws {
        try await blocking {
            let scratch = try Scratch()
            var options = PostgresCluster.Options.test
            options.settings["shared_buffers"] = "not a size"
            let error = #expect(throws: PostgresClusterError.self) {
                try PostgresCluster.start(in: scratch.path, options: options)
            }
            #expect(error?.kind == .failed)
            #expect(error?.description.contains("shared_buffers") == true)
            // The failure gave the directory back.
            try PostgresCluster.start(in: scratch.path, options: .test).stop()
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func refusesDataOfAVersionThatIsNotInstalled() async throws {
        try await blocking {
            let scratch = try Scratch()
            try FileManager.default.createDirectory(
                atPath: "\(scratch.path)/postgres/data", withIntermediateDirectories: true)
            try "9\n".write(toFile: "\(scratch.path)/postgres/data/PG_VERSION", atomically: true, encoding: .utf8)
            let error = #expect(throws: PostgresClusterError.self) {
                try PostgresCluster.start(in: scratch.path, options: .test)
            }
            #expect(error?.kind == .notInstalled)
            #expect(error?.description.contains("postgresql-9") == true)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func saysWhatToInstallWhenThereIsNoServer() async throws {
        try await blocking {
            let scratch = try Scratch()
            var options = PostgresCluster.Options.test
            options.binaryDirectory = "/nonexistent"
            let error = #expect(throws: PostgresClusterError.self) {
                try PostgresCluster.start(in: scratch.path, options: options)
            }
            #expect(error?.kind == .notInstalled)
        }
    }

    @Test(arguments: [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", 15), ("postgres (PostgreSQL) 18devel", 18),
        ("postgres (PostgreSQL) 9.6.24", 9), ("bash 5.2", nil),
    ])
    func readsAVersionBanner(banner: String, version: Int?) {
        #expect(PostgresBinaries.version(fromBanner: banner) == version)
    }

    @Test func boundsTheLog() throws {
        let scratch = try Scratch()
        let log = try LogFile(path: "\(scratch.path)/log")
        for number in 0..<3000 { log.append(Array("\(number) \(String(repeating: "x", count: 1000))\n".utf8)) }
        log.append(Array("the end\n".utf8))
        let sizes = try ["log", "log.1"].map { name in
            try FileManager.default.attributesOfItem(atPath: "\(scratch.path)/\(name)")[.size] as? Int ?? 0
        }
        #expect(sizes.allSatisfy { $0 > 0 && $0 < LogFile.capacity + 2000 })
        #expect(log.tail(lines: 1) == "  the end")
    }

    // MARK: Helpers

    /// Starts the cluster's server by hand, with no gateway, and returns its process id.
    private func startOrphan(in directory: String) throws -> pid_t {
        let home = "\(directory)/postgres"
        let binaries = try PostgresBinaries.find(version: nil)
        let arguments = [
            binaries.path(of: "pg_ctl"), "start", "-w", "-s", "-D", "\(home)/data", "-l", "\(home)/data/orphan.log",
            "-o",
            "-c listen_addresses='' -c port=54320 -c unix_socket_directories=\(home)/socket",
        ]
        let owner = try #require(FileStatus(following: "\(home)/data")).uid
        let user = geteuid() == 0 ? SystemUser(uid: owner) : nil
        let result = try ChildProcess.run(arguments[0], Array(arguments.dropFirst()), as: user)
        try #require(result.status == 0, "\(result.output)")
        let text = try #require(Files.text(of: "\(home)/data/postmaster.pid"))
        return try #require(text.split(separator: "\n").first.flatMap { pid_t($0) })
    }

    /// Zombies do not count: an orphan's parent may be slow to reap it.
    private func isAlive(_ pid: pid_t) -> Bool {
        guard let text = Files.text(of: "/proc/\(pid)/stat") else { return false }
        return !text.contains(") Z")
    }
}
