extension DocsPage {
    static let script = #"""
        <script>
        "use strict";
        const byID = id => document.getElementById(id);
        const methods = ["get", "post", "put", "patch", "delete"];
        const base = new URL(".", location.href).href.replace(/\/$/, "");
        let contract = null, operations = [];

        // MARK: Elements. What is not an element becomes text.

        function make(name, attributes, ...children) {
          const element = document.createElement(name);
          for (const [key, value] of Object.entries(attributes ?? {})) {
            if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
          }
          element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined));
          return element;
        }

        // Text with `code` in it, an empty line between paragraphs.
        function prose(text) {
          return (text ?? "").split(/\n{2,}/).filter(part => part).map(part => make("p", null, spans(part)));
        }

        function spans(text) {
          return text.split("`").map((part, index) => index % 2 ? make("code", null, part) : part);
        }

        // MARK: The contract

        function resolve(value) {
          while (value && value.$ref) {
            const { $ref, ...rest } = value;
            const target = $ref.slice(2).split("/").reduce((object, name) => object?.[name], contract);
            value = { ...target, ...rest, $name: $ref.split("/").pop() };
          }
          return value ?? {};
        }

        function collect() {
          for (const [path, item] of Object.entries(contract.paths)) {
            for (const method of methods) {
              const operation = item[method];
              if (!operation) continue;
              const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve);
              const words = [method, path, operation.operationId, operation.summary, operation.description,
                             operation["x-kick-operation"], ...(operation.tags ?? [])];
              operations.push({ ...operation, method, path, parameters, id: operation.operationId,
                                tag: operation.tags?.[0] ?? "others", words: words.join(" ").toLowerCase() });
            }
          }
        }

        // MARK: Schemas

        function typeOf(schema) {
          if (schema.const !== undefined) return JSON.stringify(schema.const);
          const choices = schema.oneOf ?? (schema.type ? null : schema.anyOf);
          if (choices) return choices.map(choice => typeOf(resolve(choice))).join(" or ");
          const types = [].concat(schema.type ?? (schema.enum ? "string" : "any"));
          return types.map(type => type === "array" ? `list of ${typeOf(resolve(schema.items))}`
            : type === "object" && schema.$name ? schema.$name : type).join(" or ");
        }

        function bounds(schema) {
          const list = [];
          const range = (low, high, unit) => {
            // The largest number that fits in 64 bits is no bound that anybody meets.
            if (high > Number.MAX_SAFE_INTEGER) high = undefined;
            if (low === undefined && high === undefined) return;
            list.push(high === undefined ? `at least ${low}${unit}` : low === undefined ? `at most ${high}${unit}`
              : low === high ? `${low}${unit}` : `${low} to ${high}${unit}`);
          };
          range(schema.minLength, schema.maxLength, " characters");
          range(schema.minimum, schema.maximum, "");
          range(schema.minItems, schema.maxItems, " entries");
          if (schema.uniqueItems) list.push("each once");
          if (schema.format) list.push(schema.format);
          if (schema.enum) list.push(schema.enum.filter(value => value !== null).map(value => JSON.stringify(value)).join(", "));
          if (schema.pattern) list.push(`like ${schema.pattern}`);
          if (schema.default !== undefined) list.push(`without it ${JSON.stringify(schema.default)}`);
          return list.join("; ");
        }

        // The object within a schema, through lists and what may be null.
        function objectIn(schema) {
          schema = resolve(schema);
          if (schema.properties) return schema;
          if (schema.items) return objectIn(schema.items);
          for (const choice of schema.oneOf ?? []) {
            const found = objectIn(choice);
            if (found) return found;
          }
          return null;
        }

        function itemBounds(schema) {
          if (schema.items) return itemBounds(resolve(schema.items)) || bounds(resolve(schema.items));
          return (schema.oneOf ?? []).map(choice => bounds(resolve(choice))).filter(text => text).join("; ");
        }

        function members(schema, depth, seen) {
          const list = make("ul", { class: "members" });
          for (const [name, raw] of Object.entries(schema.properties ?? {})) {
            const member = resolve(raw);
            const inner = objectIn(member);
            const isDeep = inner && depth < 5 && !seen.includes(inner.$name ?? inner);
            const about = [bounds(member), isDeep ? "" : itemBounds(member)].filter(text => text).join("; ");
            list.append(make("li", null,
              make("code", null, name), " ", make("span", { class: "type" }, typeOf(member)),
              schema.required?.includes(name) ? null : make("span", { class: "soft" }, " (may be left out)"),
              member.description ? [" ", spans(member.description)] : null,
              about ? make("div", { class: "soft" }, about) : null,
              isDeep ? members(inner, depth + 1, [...seen, inner.$name ?? inner]) : null));
          }
          return list;
        }

        function schemaView(schema) {
          schema = resolve(schema);
          const object = objectIn(schema);
          const about = [typeOf(schema), bounds(schema)].filter(text => text).join("; ");
          return [
            make("p", { class: "type" }, schema.$name && !typeOf(schema).includes(schema.$name) ? `${schema.$name}: ${about}` : about),
            object?.description ? make("p", { class: "soft" }, spans(object.description)) : null,
            object ? members(object, 0, [object.$name ?? object]) : null,
          ];
        }

        // MARK: Examples

        function exampleOf(schema, depth = 0) {
          schema = resolve(schema);
          if (schema.examples?.length) return schema.examples[0];
          if (schema.const !== undefined) return schema.const;
          if (schema.enum) return schema.enum[0];
          if (schema.default !== undefined) return schema.default;
          if (schema.oneOf) return exampleOf(schema.oneOf[0], depth);
          const type = [].concat(schema.type ?? "object")[0];
          if (type === "array") return depth > 5 ? [] : [exampleOf(schema.items, depth + 1)];
          if (type === "object") {
            if (depth > 5) return {};
            return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, member]) => [name, exampleOf(member, depth + 1)]));
          }
          if (type === "integer" || type === "number") return schema.minimum ?? 1;
          if (type === "boolean") return true;
          return "…";
        }

        function exampleText(media) {
          const example = media.example ?? exampleOf(media.schema);
          return typeof example === "string" ? example : JSON.stringify(example, null, 2);
        }

        function code(text, label) {
          const button = make("button", { type: "button", "aria-label": `Copy ${label}` }, "Copy");
          button.addEventListener("click", async () => {
            try {
              await navigator.clipboard.writeText(text);
              button.textContent = "Copied";
            } catch (error) {
              button.textContent = "Select it and copy";
            }
            setTimeout(() => { button.textContent = "Copy"; }, 2000);
          });
          return [make("div", { class: "bar" }, make("span", { class: "soft" }, label), button), make("pre", { tabindex: 0 }, text)];
        }

        const quoted = text => `'${String(text).replaceAll("'", `'\\''`)}'`;

        function curl(operation) {
          const security = operation.security ?? contract.security;
          const valueOf = parameter => parameter.example ?? exampleOf(parameter.schema);
          let path = operation.path.replace(/\{(\w+)\}/g, (_, name) => {
            const parameter = operation.parameters.find(parameter => parameter.in === "path" && parameter.name === name);
            return parameter?.example === undefined ? `{${name}}` : encodeURIComponent(parameter.example);
          });
          const query = operation.parameters.filter(parameter => parameter.in === "query" && (parameter.required || parameter.example !== undefined))
            .map(parameter => `${parameter.name}=${[].concat(valueOf(parameter)).map(encodeURIComponent).join(",")}`);
          if (query.length) path += `?${query.join("&")}`;
          const words = ["curl"];
          if (operation.responses?.["200"]?.content?.["text/event-stream"]) words.push("-N");
          if (operation.method !== "get") words.push("-X", operation.method.toUpperCase());
          words.push(quoted(base + path));
          if (security?.some(item => item.apiKey)) words.push('-H "Authorization: Bearer $KEY"');
          if (security?.some(item => item.adminKey)) words.push('-H "Authorization: Bearer $ADMIN_KEY"');
          for (const parameter of operation.parameters.filter(parameter => parameter.in === "header" && parameter.required)) {
            words.push(`-H ${quoted(`${parameter.name}: ${valueOf(parameter)}`)}`);
          }
          const media = resolve(operation.requestBody).content?.["application/json"];
          if (media) {
            words.push("-H 'Content-Type: application/json'");
            words.push(`-d ${quoted(JSON.stringify(media.example ?? exampleOf(media.schema)))}`);
          }
          return words.join(" ");
        }

        // MARK: Operations

        function badges(operation) {
          const scope = /^Scope ([^ ]+)\./.exec(operation.description ?? "")?.[1];
          const security = operation.security ?? contract.security;
          const kickScopes = operation["x-kick-scopes"] ?? [];
          return make("p", null,
            scope ? make("span", { class: "badge" }, "API key with ", make("code", null, scope)) : null,
            security?.some(item => item.adminKey) ? make("span", { class: "badge" }, "admin key") : null,
            security?.length === 0 ? make("span", { class: "badge" }, "open") : null,
            [].concat(operation["x-kick-operation"] ?? []).map(name => make("span", { class: "badge" }, "Kick: ", make("code", null, name))),
            kickScopes.length ? make("span", { class: "badge" }, "Kick's scopes: ", make("code", null, kickScopes.join(" "))) : null,
            operation["x-kick-evidence"] ? make("span", { class: "badge warning" }, "not documented by Kick") : null);
        }

        function parameterTable(operation) {
          if (!operation.parameters.length) return null;
          const rows = operation.parameters.map(parameter => {
            const schema = resolve(parameter.schema);
            const about = [bounds(schema), itemBounds(schema)].filter(text => text).join("; ");
            return make("tr", null,
              make("td", null, make("code", null, parameter.name), parameter.required ? make("span", { class: "required" }, " required") : null),
              make("td", { class: "in" }, parameter.in),
              make("td", null, make("span", { class: "type" }, typeOf(schema)),
                parameter.description ? make("div", null, spans(parameter.description)) : null,
                about ? make("div", { class: "soft" }, about) : null));
          });
          return [make("h4", null, "Parameters"),
                  make("table", null,
                    make("thead", null, make("tr", null, ["Name", "In", "What"].map(text => make("th", { scope: "col" }, text)))),
                    make("tbody", null, rows))];
        }

        function bodyView(operation) {
          const body = resolve(operation.requestBody);
          const media = body.content?.["application/json"];
          if (!media) return null;
          return [make("h4", null, body.required ? "Body" : "Body (may be left out)"), schemaView(media.schema), code(exampleText(media), "example")];
        }

        function answerView(status, raw) {
          const answer = resolve(raw);
          const details = make("details", { class: "answer", open: status < "300" },
            make("summary", null, make("span", { class: "status" }, status), " ", spans(answer.description ?? "")));
          for (const [type, media] of Object.entries(answer.content ?? {})) {
            details.append(make("p", { class: "soft" }, type), ...[schemaView(media.schema)].flat().filter(part => part));
            if (type !== "text/html") details.append(...code(exampleText(media), "example"));
          }
          const fields = Object.entries(answer.headers ?? {});
          if (fields.length) {
            details.append(make("p", { class: "soft" }, "Header fields"), make("ul", { class: "members" }, fields.map(([name, field]) =>
              make("li", null, make("code", null, name), " ", spans(resolve(field).description ?? "")))));
          }
          return details;
        }

        function fill(details, operation) {
          if (details.lastChild.tagName === "DIV") return;
          details.append(make("div", null,
            badges(operation), prose((operation.description ?? "").replace(/^Scope [^ ]+\.\s*/, "")),
            parameterTable(operation), bodyView(operation), code(curl(operation), "curl"),
            make("h4", null, "Answers"), Object.entries(operation.responses ?? {}).map(([status, answer]) => answerView(status, answer))));
        }

        function show() {
          byID("title").textContent = `${contract.info.title} ${contract.info.version}`;
          byID("note").replaceChildren(...spans(contract.info.summary ?? ""), " ", make("a", { href: "openapi.json" }, "openapi.json"));
          const main = byID("main"), index = byID("index");
          main.append(...prose(contract.info.description));
          const codes = resolve({ $ref: "#/components/schemas/ProblemCode" }).enum ?? [];
          main.append(make("section", { id: "problems" }, make("h2", null, "Problem codes"), problemTable(codes)));
          for (const tag of contract.tags ?? []) {
            const list = make("ul");
            const section = make("section", { id: `tag-${tag.name}` }, make("h2", null, tag.name), make("p", { class: "soft" }, spans(tag.description ?? "")));
            for (const operation of operations.filter(operation => operation.tag === tag.name)) {
              const details = make("details", { class: "operation", id: operation.id },
                make("summary", null, make("span", { class: `method ${operation.method}` }, operation.method),
                  make("span", { class: "path" }, operation.path), make("span", { class: "soft" }, operation.summary ?? "")));
              details.addEventListener("toggle", () => { if (details.open) fill(details, operation); });
              const link = make("a", { href: `#${operation.id}`, title: operation.path },
                make("span", { class: `method ${operation.method}` }, operation.method), operation.summary ?? operation.path);
              const item = make("li", null, link);
              Object.assign(operation, { details, item, link });
              list.append(item);
              section.append(details);
            }
            const group = make("div", null, make("h2", null, tag.name), list);
            index.append(group);
            main.append(section);
            for (const operation of operations.filter(operation => operation.tag === tag.name)) Object.assign(operation, { group, section });
          }
        }

        // Each code with the statuses of the answers that name it.
        function problemTable(codes) {
          const statuses = {};
          for (const answer of Object.values(contract.components.responses ?? {})) {
            const media = answer.content?.["application/problem+json"];
            if (!media?.example) continue;
            for (const [, name] of (answer.description ?? "").matchAll(/`([a-z_]+)`/g)) (statuses[name] ??= new Set()).add(media.example.status);
          }
          return make("ul", { class: "members" }, codes.map(name =>
            make("li", null, make("code", null, name), " ", make("span", { class: "soft" }, [...statuses[name] ?? []].join(", ")))));
        }

        // MARK: Going places

        function open() {
          // As it is in the address: an operation's name needs no escapes, and what is none need not be well-formed.
          const operation = operations.find(operation => operation.id === location.hash.slice(1));
          for (const other of operations) other.link.removeAttribute("aria-current");
          if (!operation) return;
          operation.link.setAttribute("aria-current", "true");
          operation.details.open = true;
          fill(operation.details, operation);
          operation.details.scrollIntoView();
          operation.details.firstChild.focus({ preventScroll: true });
        }

        function search() {
          const words = byID("search").value.toLowerCase().split(/\s+/).filter(word => word);
          let count = 0;
          for (const operation of operations) {
            const isFound = words.every(word => operation.words.includes(word));
            operation.item.hidden = operation.details.hidden = !isFound;
            count += isFound ? 1 : 0;
          }
          for (const { group, section, tag } of operations) {
            group.hidden = section.hidden = !operations.some(operation => operation.tag === tag && !operation.item.hidden);
          }
          byID("problems").hidden = words.length > 0;
          byID("count").textContent = words.length ? `${count} of ${operations.length} operations` : `${operations.length} operations`;
        }

        byID("search").addEventListener("input", search);
        addEventListener("hashchange", open);
        addEventListener("keydown", event => {
          const isTyping = event.target instanceof HTMLInputElement;
          if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
            event.preventDefault();
            byID("search").focus();
          } else if (event.key === "Escape" && isTyping) {
            byID("search").value = "";
            search();
          } else if (event.key === "Enter" && isTyping) {
            const first = operations.find(operation => !operation.item.hidden);
            if (first) location.hash = first.id;
          }
        });

        fetch("openapi.json").then(async response => {
          if (!response.ok) throw new Error(`${response.status}`);
          contract = await response.json();
          collect();
          show();
          search();
          open();
        }).catch(error => { byID("note").textContent = `The contract cannot be shown: ${error.message}`; });
        </script>

        """#
}
