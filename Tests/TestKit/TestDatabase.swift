import Foundation
import PostgresCluster
import Synchronization

/// A database of one test: empty, or a copy of a template that is made once per process.
///
/// ```swift
/// let database = try await TestDatabase.make(template: .init("store") { try await migrate($0.connectionString) })
/// ```
package struct TestDatabase: Sendable {
    /// What a fresh database holds.
    package struct Template: Sendable {
        let name: String
        let prepare: @Sendable (TestDatabase) async throws -> Void

        /// - Parameters:
        ///   - name: letters, digits and `_`; the same name is prepared once per process.
        ///   - prepare: fills the database, and closes its connections.
        package init(_ name: String, prepare: @escaping @Sendable (TestDatabase) async throws -> Void) {
            self.name = name
            self.prepare = prepare
        }
    }

    /// The server it is on.
    package let cluster: TestCluster
    package let name: String

    /// A `DATABASE_URL`, as the role that owns the database.
    package var connectionString: String { cluster.cluster.connectionString(database: name) }

    /// The same as superuser.
    package var superuserConnectionString: String {
        cluster.cluster.connectionString(user: PostgresCluster.superuser, database: name)
    }

    /// Makes a database that no other test sees.
    ///
    /// - Parameter cluster: nil takes the process's shared one.
    package static func make(template: Template? = nil, on cluster: TestCluster? = nil) async throws -> TestDatabase {
        let cluster = try await blocking { try cluster ?? TestCluster.shared }
        var source = "template0"
        if let template { source = try await prepared(template, on: cluster) }
        let name = "test_\(next.add(1, ordering: .relaxed).newValue)"
        try await create(name, from: source, on: cluster)
        return TestDatabase(cluster: cluster, name: name)
    }

    /// Drops the database now; otherwise it goes with the server.
    package func remove() async throws {
        try await blocking { try cluster.psql("DROP DATABASE IF EXISTS \"\(name)\" WITH (FORCE)") }
    }

    /// Runs SQL in it as superuser with psql and returns what it prints.
    @discardableResult
    package func psql(_ sql: String) async throws -> String {
        try await blocking { try cluster.psql(sql, database: name) }
    }

    // MARK: Private

    private static let next = Atomic<Int>(0)
    private static let templates = Mutex<[String: Task<String, any Error>]>([:])

    private static func create(_ name: String, from source: String, on cluster: TestCluster) async throws {
        try await blocking {
            try cluster.psql("CREATE DATABASE \"\(name)\" OWNER \(PostgresCluster.owner) TEMPLATE \"\(source)\"")
        }
    }

    private static func prepared(_ template: Template, on cluster: TestCluster) async throws -> String {
        let key = "\(cluster.directory) \(template.name)"
        let task = templates.withLock { templates in
            if let task = templates[key] { return task }
            let task = Task {
                let name = "template_\(template.name)"
                try await create(name, from: "template0", on: cluster)
                try await template.prepare(TestDatabase(cluster: cluster, name: name))
                // A template with open connections cannot be copied.
                try await blocking {
                    try cluster.psql(
                        """
                        ALTER DATABASE "\(name)" ALLOW_CONNECTIONS false;
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'
                        """)
                }
                return name
            }
            templates[key] = task
            return task
        }
        return try await task.value
    }
}
