package import Kick
import Net
import Telemetry

extension KickRead where Value == KickPage<KickCategoryDetail> {
    package static func categories(_ selection: CategorySelection) -> KickRead {
        KickRead(.categories, selection.spelling, as: .app, for: .slow) { api, token, deadline throws(KickError) in
            try await api.categories(selection, token: token, deadline: deadline)
        }
    }

    /// Those whose names are like a text.
    package static func categories(search: CategorySearch) -> KickRead {
        KickRead(.categorySearch, "\(search.page) \(search.text)", as: .app, for: .slow) {
            api, token, deadline throws(KickError) in
            try await api.categories(search: search, token: token, deadline: deadline)
        }
    }
}

extension KickRead where Value == KickCategoryDetail {
    /// One category, with its viewers.
    package static func category(_ id: Int64) -> KickRead {
        KickRead(.category, "\(id)", as: .app, for: CacheLifetime(fresh: .seconds(60))) {
            api, token, deadline throws(KickError) in
            try await find(id, api, token, deadline)
        }
    }

    private static func find(
        _ id: Int64, _ api: KickAPI, _ token: Secret<String>, _ deadline: Deadline
    ) async throws(KickError) -> KickCategoryDetail? {
        do {
            return try await api.category(id: id, token: token, deadline: deadline)
        } catch  where error.kind == .notFound {
            return nil
        }
    }
}

extension CategorySelection {
    fileprivate var spelling: String {
        .spelling(of: [names, tags, ids.map(String.init), [limit.map(String.init), cursor].map { $0 ?? "" }])
    }
}
