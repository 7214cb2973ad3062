package import Model
package import Store

/// What a tenant can look up about itself.
package struct Records: Sendable {
    private let logins: LoginStore

    package init(logins: LoginStore) {
        self.logins = logins
    }

    package func logins(in tenant: TenantID) async throws -> [Login] {
        try await logins.logins(in: tenant)
    }

    /// Throws `notFound`, also for another tenant's login (P14).
    package func login(_ id: LoginID, in tenant: TenantID) async throws -> Login {
        guard let login = try await logins.login(id, in: tenant) else {
            throw GatewayError(.notFound, "there is no such login")
        }
        return login
    }
}
