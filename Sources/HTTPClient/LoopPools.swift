import Net

/// One loop's pools, by origin. Loop-bound.
final class LoopPools: @unchecked Sendable {
    let loop: Loop
    private let limits: ClientLimits
    private let tls: TLSContext
    private var pools: [Origin: ClientPool] = [:]
    private var isShutDown = false

    init(loop: Loop, limits: ClientLimits, tls: TLSContext) {
        self.loop = loop
        self.limits = limits
        self.tls = tls
    }

    /// The origin's pool. It goes when it is empty, so look it up for every request.
    func pool(for origin: Origin) -> ClientPool {
        loop.preconditionOnLoop()
        if let pool = pools[origin] { return pool }
        let pool = ClientPool(origin: origin, loop: loop, limits: limits, tls: tls) { [weak self] in
            self?.pools[origin] = nil
        }
        if isShutDown { pool.shutDown() }
        pools[origin] = pool
        return pool
    }

    /// Makes a call that ends when the present task is cancelled.
    func scope<R, Failure: Error>(_ call: (CallScope) async throws(Failure) -> R) async -> Result<R, Failure> {
        let scope = CallScope(loop: loop)
        return await scope.run {
            do throws(Failure) {
                return .success(try await call(scope))
            } catch {
                return .failure(error)
            }
        }
    }

    func shutDown() {
        loop.preconditionOnLoop()
        isShutDown = true
        for pool in pools.values { pool.shutDown() }
    }
}
