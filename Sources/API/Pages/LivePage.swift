/// The page at `/`: a person sees a tenant's events arrive. It uses the public API alone, with a key that the person
/// gives it (typed, or in the fragment of the address, which browsers do not send).
enum LivePage {
    static let html = #"""
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="referrer" content="no-referrer">
        <title>kick-gateway</title>
        <style>
          :root { color-scheme: light dark; --line: #8884; --soft: #888; --live: #2a9d4a; --bad: #c8442d; }
          * { box-sizing: border-box; }
          body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.2rem; }
          header { display: flex; flex-wrap: wrap; gap: .6rem 1.2rem; align-items: baseline; }
          h1 { font-size: 1.25rem; margin: 0; }
          form { display: flex; gap: .4rem; flex: 1; min-width: 16rem; }
          input { flex: 1; min-width: 0; font: inherit; padding: .3rem .5rem; }
          button { font: inherit; padding: .3rem .8rem; }
          #state { color: var(--soft); }
          #state.live::before, #state.bad::before { content: "●"; margin-right: .35rem; }
          #state.live::before { color: var(--live); }
          #state.bad::before { color: var(--bad); }
          #logins { margin: .6rem 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: .4rem 1rem; }
          #logins li { color: var(--soft); }
          table { border-collapse: collapse; width: 100%; margin-top: .6rem; }
          td, th { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
          th { font-weight: 600; color: var(--soft); }
          td.text { overflow-wrap: anywhere; width: 55%; }
          td.time, td.cursor { white-space: nowrap; font-variant-numeric: tabular-nums; color: var(--soft); }
          tr.gap td { color: var(--bad); }
          #empty { color: var(--soft); padding: 2rem 0; }
        </style>
        <header>
          <h1>kick-gateway</h1>
          <form id="form">
            <input id="key" type="password" autocomplete="off" aria-label="API key" placeholder="API key (kgw_…)">
            <button>Watch</button>
          </form>
          <span id="state" role="status">not connected</span>
        </header>
        <ul id="logins" aria-label="Logins"></ul>
        <table id="table" hidden>
          <thead><tr><th>Time</th><th>Event</th><th>Channel</th><th>What happened</th><th>Cursor</th></tr></thead>
          <tbody id="events"></tbody>
        </table>
        <p id="empty">Enter an API key with the scope <code>events:read</code> to see events as they arrive.</p>
        <script>
        "use strict";
        const byID = id => document.getElementById(id);
        let key = "", cursor = "", running = null, failures = 0;

        const who = user => !user ? "someone" : user.is_anonymous ? "anonymous" : (user.username ?? "someone");
        const summaries = {
          "chat.message.sent": p => `${who(p.sender)}: ${p.content}`,
          "channel.followed": p => `${who(p.follower)} follows`,
          "channel.subscription.new": p => `${who(p.subscriber)} subscribed`,
          "channel.subscription.renewal": p => `${who(p.subscriber)} renewed (month ${p.duration})`,
          "channel.subscription.gifts": p => `${who(p.gifter)} gave ${p.giftees?.length ?? "?"} subscriptions`,
          "channel.reward.redemption.updated": p => `${who(p.redeemer)} → ${p.reward?.title} (${p.status})`,
          "livestream.status.updated": p => p.is_live ? `live: ${p.title}` : "stream ended",
          "livestream.metadata.updated": p => `title: ${p.metadata?.title}`,
          "moderation.banned": p => `${who(p.moderator)} banned ${who(p.banned_user)}: ${p.metadata?.reason ?? ""}`,
          "kicks.gifted": p => `${who(p.sender)} gave ${p.gift?.amount} KICKs (${p.gift?.name})`,
        };

        function state(text, kind) {
          byID("state").textContent = text;
          byID("state").className = kind;
        }

        function addRow(cells, kind) {
          const row = document.createElement("tr");
          row.className = kind;
          for (const [name, text] of cells) {
            const cell = document.createElement("td");
            cell.className = name;
            cell.textContent = text;
            row.append(cell);
          }
          byID("events").prepend(row);
          while (byID("events").children.length > 200) byID("events").lastChild.remove();
          byID("table").hidden = false;
          byID("empty").hidden = true;
        }

        function show(message) {
          if (message.id) cursor = message.id;
          if (!message.data) return;
          const event = JSON.parse(message.data);
          if (message.event === "gateway.gap") {
            addRow([["time", ""], ["", "gap"], ["", ""], ["text", event.detail], ["cursor", cursor]], "gap");
            return;
          }
          const payload = event.payload ?? {};
          const text = summaries[event.type]?.(payload) ?? JSON.stringify(payload);
          const time = new Date(event.received_at).toLocaleTimeString();
          addRow([["time", time], ["", event.type], ["", who(payload.broadcaster)], ["text", text],
                  ["cursor", event.cursor]], "");
        }

        async function read(response) {
          const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
          let rest = "";
          for (;;) {
            const { value, done } = await reader.read();
            if (done) return;
            rest += value;
            let end;
            while ((end = rest.indexOf("\n\n")) >= 0) {
              const message = { event: "message", data: "", id: "" };
              for (const line of rest.slice(0, end).split("\n")) {
                const colon = line.indexOf(":");
                if (colon <= 0) continue;
                const name = line.slice(0, colon), text = line.slice(colon + 1).replace(/^ /, "");
                if (name === "data") message.data += (message.data ? "\n" : "") + text;
                else if (name in message) message[name] = text;
              }
              rest = rest.slice(end + 2);
              show(message);
            }
          }
        }

        async function showLogins(headers) {
          const response = await fetch("v1/logins", { headers });
          if (!response.ok) return;
          const items = (await response.json()).data.map(login => {
            const item = document.createElement("li");
            item.textContent = `${login.username}: ${login.state.replace("_", " ")}`;
            return item;
          });
          byID("logins").replaceChildren(...items);
        }

        async function watch(run) {
          while (run === running) {
            const headers = { Authorization: `Bearer ${key}` };
            if (cursor) headers["Last-Event-ID"] = cursor;
            try {
              state("connecting", "");
              const response = await fetch("v1/events/stream", { headers, signal: run.signal });
              if (response.status === 401 || response.status === 403) {
                state((await response.json()).detail, "bad");
                return;
              }
              if (!response.ok) throw new Error(response.status);
              failures = 0;
              state("live", "live");
              showLogins({ Authorization: `Bearer ${key}` }).catch(() => {});
              await read(response);
            } catch (error) {
              if (run !== running) return;
              failures += 1;
            }
            state("reconnecting", "bad");
            const pause = Math.min(15000, 500 * 2 ** Math.min(failures, 5)) * (0.5 + Math.random());
            await new Promise(resolve => setTimeout(resolve, pause));
          }
        }

        function start(newKey) {
          running?.abort();
          running = new AbortController();
          key = newKey.trim();
          cursor = "";
          if (key) watch(running);
        }

        byID("form").addEventListener("submit", event => {
          event.preventDefault();
          start(byID("key").value);
        });
        const given = new URLSearchParams(location.hash.slice(1)).get("key");
        if (given) {
          byID("key").value = given;
          history.replaceState(null, "", location.pathname);
          start(given);
        }
        </script>
        </html>

        """#
}
