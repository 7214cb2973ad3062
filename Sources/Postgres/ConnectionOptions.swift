import CPostgres
import Glibc
import Net
import Telemetry

/// Which server, database and user: a `DATABASE_URL`, read by libpq's own rules.
///
/// Prints without its password.
package struct ConnectionOptions: Sendable, CustomStringConvertible {
    /// What the connection string itself says; libpq adds its defaults and `PG…` environment variables.
    private let values: Secret<[String: String]>

    /// Reads `postgresql://user:password@host:port/database?sslmode=…` or `host=… dbname=…`.
    ///
    /// Throws `.misuse` with libpq's reason, which does not quote the password.
    package init(_ connectionString: String) throws(DatabaseError) {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = unsafe PQconninfoParse(connectionString, &message) else {
            let reason = unsafe message.map { unsafe String(cString: $0) } ?? "out of memory"
            unsafe PQfreemem(message)
            // A malformed string may have its password where the reason quotes from: keep the first clause only.
            throw DatabaseError(
                .misuse, "the database connection string is malformed",
                details: String(reason.prefix { $0 != "\"" && $0 != "\n" }))
        }
        defer { unsafe PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                unsafe values[String(cString: keyword)] = unsafe String(cString: value)
            }
            unsafe option += 1
        }
        let defaults = [
            "fallback_application_name": "kick-gateway",
            // A query never waits for ever on a peer that vanished without a word.
            "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3",
            "tcp_user_timeout": "30000",
            // Looking for Kerberos tickets costs file accesses and serves nobody here.
            "gssencmode": "disable",
        ]
        values.merge(defaults) { given, _ in given }
        values["client_encoding"] = "UTF8"
        self.values = Secret(values)
    }

    package var description: String {
        let values = values.reveal()
        let shown = ["host", "hostaddr", "port", "dbname", "user", "sslmode"]
        return shown.compactMap { name in values[name].map { "\(name)=\($0)" } }.joined(separator: " ")
    }

    /// The keywords and values for libpq, with host names looked up: libpq itself would block the loop over that.
    func resolved(by deadline: Deadline) async throws(DatabaseError) -> [String: String] {
        let values = values.reveal()
        guard let host = values["host"], values["hostaddr"] == nil else { return values }
        let hosts = host.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard hosts.contains(where: Self.isName) else { return values }
        let ports = (values["port"] ?? "").split(separator: ",", omittingEmptySubsequences: false).map(String.init)

        // One entry per address; libpq tries them in turn and still verifies certificates against the name.
        var names: [String] = []
        var addresses: [String] = []
        var portOfEach: [String] = []
        for (index, name) in hosts.enumerated() {
            let port = ports.count == hosts.count ? ports[index] : (ports.first ?? "")
            for address in try await Self.addresses(of: name, by: deadline) {
                names.append(name)
                addresses.append(address)
                portOfEach.append(port)
            }
        }
        var resolved = values
        resolved["host"] = names.joined(separator: ",")
        resolved["hostaddr"] = addresses.joined(separator: ",")
        resolved["port"] = portOfEach.joined(separator: ",")
        return resolved
    }

    /// A path is a unix socket, `@` an abstract one.
    private static func isName(_ host: String) -> Bool {
        !host.isEmpty && !host.hasPrefix("/") && !host.hasPrefix("@")
    }

    private static func addresses(of host: String, by deadline: Deadline) async throws(DatabaseError) -> [String] {
        guard isName(host) else { return [""] }
        do throws(NetError) {
            return try await Resolver.shared.addresses(of: host, port: 5432, deadline: deadline).map(\.host)
        } catch {
            throw .cannotConnect("\(host): \(error)")
        }
    }
}
