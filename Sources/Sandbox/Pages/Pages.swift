import HTTP

/// The pages a person sees.
enum Pages {
    /// What id.kick.com shows when a parameter is missing or wrong (#114): it does not say which.
    static let notFound = page(
        title: "404",
        body: """
            <h1>404</h1>
            <p>Nothing is here. An authorize request ends here when a parameter is missing or wrong:
            <code>client_id</code>, <code>response_type=code</code>, <code>redirect_uri</code> (exactly as registered),
            <code>scope</code> (known ones only), <code>state</code>, <code>code_challenge</code> and <code>code_challenge_method=S256</code> are
            all required. As at Kick, the first <code>127.0.0.1</code> in the URL is read as <code>localhost</code>:
            register localhost, or put <code>redirect=127.0.0.1&amp;</code> before <code>redirect_uri</code>.</p>
            """)

    /// A page with ten thousand users would help nobody.
    private static let shownUsers = 100

    /// Asks whether the app may, and as whom. The parameters travel through the form and are checked again.
    static func consent(_ consent: ConsentRequest, users: [SandboxUser], parameters: QueryItems) -> String {
        let hidden = parameters.items.filter { $0.name != "user_id" && $0.name != "decision" }.map { item in
            #"<input type="hidden" name="\#(escape(item.name))" value="\#(escape(item.value))">"#
        }
        let choices = users.prefix(shownUsers).enumerated().map { index, user in
            """
            <label class="choice"><input type="radio" name="user_id" value="\(user.id)"\(index == 0 ? " checked" : "")>
            <b>\(escape(user.username))</b> <small>id \(user.id)</small></label>
            """
        }
        let more = users.count > shownUsers ? "<p>… and \(users.count - shownUsers) more</p>" : ""
        let scopes = consent.scopes.map { "<li><code>\(escape($0))</code></li>" }
        return page(
            title: "Allow \(escape(consent.clientID))?",
            body: """
                <h1>Allow <code>\(escape(consent.clientID))</code>?</h1>
                <p>This is the sandbox, not Kick. The app asks for:</p>
                <ul>\(scopes.isEmpty ? "<li>nothing: none of the scopes is ticked for it</li>" : scopes.joined())</ul>
                <form method="post" action="/oauth/authorize">
                \(hidden.joined(separator: "\n"))
                <fieldset><legend>Continue as</legend>\(choices.joined(separator: "\n"))\(more)</fieldset>
                <p>You will go to <code>\(escape(consent.redirectURI))</code>.</p>
                <button name="decision" value="allow">Allow</button>
                <button name="decision" value="deny" class="plain">Deny</button>
                </form>
                """)
    }

    static func page(title: String, body: String) -> String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>\(title) · Kick sandbox</title>
        <style>
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
          color: #e8eaed; background: #15171c; }
        a { color: #53fc18; } code { background: #262a33; padding: .1em .3em; border-radius: .2em; }
        table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25rem .5rem;
          border-bottom: 1px solid #2c313c; font-size: .9rem; }
        button { font: inherit; padding: .4rem .9rem; border: 0; border-radius: .3rem; background: #53fc18;
          color: #10130f; cursor: pointer; margin: .15rem; } button.plain { background: #3a404d; color: inherit; }
        select, input { font: inherit; } fieldset { border: 1px solid #3a404d; border-radius: .3rem; margin: 1rem 0; }
        label.choice { display: block; padding: .3rem; }
        </style></head><body>
        \(body)
        </body></html>
        """
    }

    /// Text for HTML, attribute values included.
    static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
