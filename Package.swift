// swift-tools-version: 6.2
//
// One target per room; every arrow points down. The list below is the map: a room may import only what its line names.
// No package is depended on, and none may be: Foundation, OpenSSL and libpq are all there is
// (docs/decisions/0001-no-packages.md).

import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

func room(_ name: String, _ dependencies: String...) -> Target {
    .target(
        name: name,
        dependencies: dependencies.map { .target(name: $0) },
        swiftSettings: strict + [.strictMemorySafety()]
    )
}

func program(_ name: String, _ dependencies: String...) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies.map { .target(name: $0) },
        swiftSettings: strict + [.strictMemorySafety()]
    )
}

func tests(_ name: String, _ dependencies: String..., exclude: [String] = []) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies.map { .target(name: $0) },
        exclude: exclude,
        swiftSettings: strict
    )
}

let package = Package(
    name: "kick-gateway",
    products: [
        .executable(name: "kick-gateway", targets: ["kick-gateway"]),
        .executable(name: "kick-sandbox", targets: ["kick-sandbox"]),
        .executable(name: "kick-bench", targets: ["kick-bench"]),
        .executable(name: "kick-chaos", targets: ["kick-chaos"]),
    ],
    targets: [
        // The C that Swift cannot import by itself.
        .target(name: "CLinux"),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),

        // Leaves without IO.
        room("Telemetry"),
        room("Model"),
        room("Crypto", "COpenSSL"),
        room("HTTP"),

        // Machinery with IO.
        room("Net", "CLinux", "COpenSSL", "Telemetry"),
        room("HTTPServer", "HTTP", "Net"),
        room("HTTPClient", "HTTP", "Net"),
        room("Postgres", "CPostgres", "Net", "Telemetry"),
        room("PostgresCluster", "CLinux", "Telemetry"),

        // The product.
        room("Kick", "Model", "HTTP", "HTTPClient", "Crypto", "Net", "Telemetry"),
        room("Store", "Model", "Postgres", "Crypto", "Telemetry"),
        room("Gateway", "Model", "Store", "Kick", "HTTP", "Crypto", "Net", "Telemetry"),
        room("API", "Model", "Store", "Gateway", "Kick", "HTTP", "HTTPServer", "Net", "Crypto", "Telemetry"),
        room("Sandbox", "Model", "HTTP", "HTTPServer", "HTTPClient", "Kick", "Crypto", "Net", "Telemetry"),
        room(
            "Assembly", "CLinux", "Telemetry", "Model", "Crypto", "HTTP", "Net", "HTTPServer", "HTTPClient", "Postgres",
            "PostgresCluster", "Kick", "Store", "Gateway", "API"),

        // What programs need that start and measure others.
        room("ProcessKit", "CLinux", "Net"),

        // Programs.
        program("kick-gateway", "Assembly"),
        program("kick-sandbox", "Sandbox", "Net", "Telemetry", "HTTPServer"),
        program(
            "kick-bench", "ProcessKit", "Kick", "Store", "Postgres", "PostgresCluster", "Sandbox", "Model", "HTTP",
            "HTTPClient", "Crypto", "Net", "Telemetry"),
        program(
            "kick-chaos", "ProcessKit", "Assembly", "Gateway", "Store", "Postgres", "PostgresCluster", "Sandbox",
            "Model",
            "HTTP", "HTTPServer", "HTTPClient", "Crypto", "Net", "Telemetry"),

        // Tests mirror the rooms.
        .target(
            name: "TestKit",
            dependencies: [
                "Model", "Crypto", "Store", "Net", "HTTP", "HTTPClient", "Postgres", "PostgresCluster", "Telemetry",
            ],
            path: "Tests/TestKit", swiftSettings: strict),
        tests("TelemetryTests", "Telemetry"),
        tests("CryptoTests", "Crypto"),
        tests("NetTests", "Net", "TestKit"),
        tests("HTTPTests", "HTTP"),
        tests("HTTPServerTests", "HTTPServer", "HTTP", "Net", "TestKit"),
        tests("HTTPClientTests", "HTTPClient", "HTTP", "HTTPServer", "Net", "TestKit"),
        tests("PostgresTests", "Postgres", "Net", "TestKit"),
        tests("PostgresClusterTests", "PostgresCluster"),
        tests(
            "KickTests", "Kick", "Model", "Crypto", "HTTP", "HTTPClient", "HTTPServer", "Net", "Telemetry",
            exclude: ["Fixtures"]
        ),
        tests("ModelTests", "Model"),
        tests("StoreTests", "Store", "Model", "Postgres", "Crypto", "Net", "Telemetry", "TestKit"),
        tests(
            "GatewayTests", "Gateway", "Store", "Postgres", "Kick", "Model", "HTTP", "HTTPClient", "Crypto", "Net",
            "Telemetry", "Sandbox", "TestKit"),
        tests(
            "SandboxTests", "Sandbox", "Model", "Kick", "HTTP", "HTTPServer", "HTTPClient", "Crypto", "Net", "Telemetry"
        ),
        tests(
            "APITests", "API", "Gateway", "Store", "Kick", "Model", "HTTP", "HTTPServer", "HTTPClient", "Postgres",
            "Crypto", "Net", "Telemetry", "TestKit"),
        tests("ContractTests", "API", "Gateway", "HTTPServer", "Kick", "HTTP", exclude: ["Fixtures"]),
        tests(
            "EndToEndTests", "kick-gateway", "kick-sandbox", "Kick", "HTTP", "HTTPClient", "Net", "TestKit"),
    ]
)
