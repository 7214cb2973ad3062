extension Pages {
    /// What the sandbox is, what it knows, and a button for every event. It reads /sandbox/state every two seconds.
    static let front = page(
        title: "Overview",
        body: """
            <h1>Kick sandbox</h1>
            <p>A stand-in for Kick on one port: OAuth with a consent page (<code>/oauth/…</code>), the public API
            (<code>/public/…</code>) and signed webhooks. It is no authority: whoever reaches it can be anybody. What it
            does on command is below <code>/sandbox/…</code>:</p>
            <details><summary>Routes</summary><pre>\(routes)</pre></details>
            <h2>Make something happen</h2>
            <p><label>Broadcaster <select id="broadcaster"></select></label>
            <label>times <input id="count" type="number" value="1" min="1" max="10000" style="width:6rem"></label>
            <button class="plain" id="demo">Demo traffic</button></p>
            <div id="types"></div><p id="result" role="status">&nbsp;</p>
            <h2>Users</h2><table><thead><tr><th>Id<th>Name<th>Live<th>Grants<th>Refreshes<th>Refused</tr></thead>
            <tbody id="users"></tbody></table>
            <h2>Subscriptions</h2><table><thead><tr><th>Broadcaster<th>Event<th>Id<th>App</tr></thead>
            <tbody id="subscriptions"></tbody></table>
            <h2>Last deliveries</h2><table><thead><tr><th>Sent<th>Broadcaster<th>Event<th>Tries<th>Answer</tr></thead>
            <tbody id="deliveries"></tbody></table>
            <script>\(script)</script>
            """)

    /// docs/SANDBOX.md has the whole.
    private static let routes = """
        GET  /sandbox/state                    what there is; ?limit=N
        GET  /sandbox/deliveries               the last webhooks; ?limit=N
        POST /sandbox/trigger                  makes an event happen
        POST /sandbox/users                    makes or changes a user
        POST /sandbox/apps                     the app's dashboard
        POST /sandbox/disconnect               a user removes the app
        POST /sandbox/rotate-key               a new key signs webhooks
        POST /sandbox/demo                     demo traffic
        POST /sandbox/grants                   many logins at once
        GET  /sandbox/refreshes                the truth about refreshes; ?grants=1&amp;bucket_seconds=N
        POST /sandbox/refreshes/reset
        GET  /sandbox/policy                   lifetimes and refresh mode; PUT changes them
        POST /sandbox/faults                   failures on order, "preset" names the common; DELETE clears them
        GET  /sandbox/calls                    how often each operation was called; DELETE counts anew
        GET  /sandbox/api/policy               the API's odd days; PUT changes them
        POST /sandbox/channels                 a channel: live, category, moderators, ads
        GET  /sandbox/channels/{id}            what is in it: bans, rewards, redemptions
        POST /sandbox/rewards                  a reward of another app, or the broadcaster's own
        POST /sandbox/redemptions              a viewer redeems a reward
        POST /sandbox/kicks                    a viewer gives KICKs
        POST /sandbox/drops/claims             a viewer claims a Drop
        GET  /sandbox/subscriptions            counts by app
        POST /sandbox/subscriptions/reset
        GET  /sandbox/subscriptions/policy     Kick's bad days; PUT changes them
        POST /sandbox/subscriptions/drop       subscriptions end without a word
        """

    private static let script = #"""
        const at = id => document.getElementById(id);
        // Everything is put in as text, never as markup.
        function rows(id, lists) {
          at(id).replaceChildren(...lists.map(cells => {
            const row = document.createElement("tr");
            for (const cell of cells) row.insertCell().textContent = cell;
            return row;
          }));
        }
        async function post(path, body) {
          const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" },
            body: JSON.stringify(body) });
          return answer.json();
        }
        async function trigger(type) {
          at("result").textContent = type + " …";
          const done = await post("/sandbox/trigger", { type, broadcaster_user_id: Number(at("broadcaster").value),
            count: Number(at("count").value) });
          at("result").textContent = done.error ?? `${type}: ${done.delivered} of ${done.requested} delivered ` +
            JSON.stringify(done.statuses);
          refresh();
        }
        let demoIsOn = false;
        at("demo").onclick = async () => { await post("/sandbox/demo", { enabled: !demoIsOn }); refresh(); };
        async function refresh() {
          const state = await (await fetch("/sandbox/state?limit=200")).json();
          const log = await (await fetch("/sandbox/deliveries?limit=15")).json();
          demoIsOn = state.demo.enabled;
          at("demo").textContent = demoIsOn ? "Stop demo traffic" : "Start demo traffic";
          if (at("broadcaster").options.length !== state.users.length)
            at("broadcaster").replaceChildren(...state.users.map(user => new Option(user.username, user.id)));
          if (!at("types").children.length)
            at("types").replaceChildren(...state.event_types.map(({ type }) => {
              const button = document.createElement("button");
              button.textContent = type;
              button.onclick = () => trigger(type);
              return button;
            }));
          const sum = (user, name) => user.grants.reduce((total, grant) => total + grant[name], 0);
          rows("users", state.users.map(user => [user.id, user.username, user.is_live ? "live" : "",
            user.grants.length, sum(user, "refreshes"), sum(user, "refused_refreshes")]));
          rows("subscriptions", state.subscriptions.map(one =>
            [one.broadcaster_user_id, one.event, one.id, one.client_id]));
          rows("deliveries", log.deliveries.map(one => [one.sent_at, one.broadcaster_user_id, one.type, one.attempts,
            one.status ?? one.error]));
        }
        refresh(); setInterval(refresh, 2000);
        """#
}
