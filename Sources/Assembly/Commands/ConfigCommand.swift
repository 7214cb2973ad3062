/// `kick-gateway config`: the settings, their defaults and meaning. `docs/CONFIGURATION.md` is its output.
enum ConfigCommand {
    static let text = """
        Settings of kick-gateway, read from the environment once, at start. Each can also be given as NAME_FILE: the path
        of a file whose content is the value.

        | Setting | Default | Meaning |
        |---|---|---|
        | GATEWAY_ADMIN_KEY | required | The secret of the admin routes, at least 24 characters |
        | GATEWAY_ENCRYPTION_KEYS | required | `kid:base64` of 32 bytes, several separated by commas; the first one wraps new data keys, all of them open |
        | GATEWAY_LISTEN | 127.0.0.1:8080 | Address and port to listen at; `unix:/path` for a unix socket |
        | GATEWAY_PUBLIC_URL | http://localhost:PORT | How browsers and Kick reach the gateway |
        | DATABASE_URL | a private cluster | `postgresql://…`; without it the gateway runs its own PostgreSQL in GATEWAY_DATA_DIR |
        | GATEWAY_DATA_DIR | /var/lib/kick-gateway as root, else ~/.local/share/kick-gateway | Where the private cluster lives |
        | KICK_CLIENT_ID, KICK_CLIENT_SECRET | none | The default Kick app; others are added through the admin routes |
        | KICK_API_URL | https://api.kick.com | Kick's API |
        | KICK_ID_URL | https://id.kick.com | Kick's OAuth server |
        | GATEWAY_EVENT_RETENTION | 30d | How long events are kept (s, m, h, d) |
        | GATEWAY_WEBHOOK_MAX_AGE | 3d | Oldest webhook that is accepted; at most GATEWAY_EVENT_RETENTION |
        | GATEWAY_STREAMS | 50000 | Open event streams in this process; one more gets 503 |
        | GATEWAY_STREAMS_PER_TENANT | 5000 | … of a tenant; one more gets 429 |
        | GATEWAY_STREAMS_PER_KEY | 1000 | … of an API key; one more gets 429 |
        | GATEWAY_STREAM_MAX_AGE | 30m | How old an event stream may become; each ends at a moment of its own in the last quarter and is resumed |
        | GATEWAY_KEY_RATE | 3000 | Requests of an API key in 10 seconds, in this process; one more gets 429; 0 for no limit |
        | GATEWAY_KICK_RATE | 20 | Calls per second to one of Kick's operations, for each Kick app in this process; twice as many at once after a pause |
        | GATEWAY_REFRESH_RATE | 50 | Token refreshes per second, for each Kick app in this process |
        | GATEWAY_REFRESH_CONCURRENCY | 16 | Token refreshes at once, for each Kick app in this process |
        | GATEWAY_LOOPS | one per core | Event loops, each a thread |
        | GATEWAY_LOG_LEVEL | info | debug, info, notice, warning or error |
        | GATEWAY_RESOURCES | found beside the program | Directory with migrations/ and openapi/ |

        """

    static func run(_ arguments: [String]) -> Int32 {
        Program.say(text)
    }
}
