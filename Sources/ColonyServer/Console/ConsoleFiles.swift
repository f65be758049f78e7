import Crypto
import NIOCore

/// The files of the console, compiled into the program so that one binary is all there is to install.
///
/// The table names every file of `Console/Resources`; a test holds it against the folder.
struct ConsoleFiles: Sendable {
    struct File: Sendable {
        var name: String
        var type: String
        var contents: ByteBuffer
        /// The entity tag: a strong one, because it is made of the contents.
        var tag: String
    }

    static let shared = ConsoleFiles(Self.embedded)

    /// The contents of each file by its name.
    private static let embedded: [(String, [UInt8])] = [
        ("access.js", PackageResources.access_js),
        ("api.js", PackageResources.api_js),
        ("body-view.js", PackageResources.body_view_js),
        ("caches-curve.js", PackageResources.caches_curve_js),
        ("caches-help.js", PackageResources.caches_help_js),
        ("caches-page.js", PackageResources.caches_page_js),
        ("caches.css", PackageResources.caches_css),
        ("cluster-election.js", PackageResources.cluster_election_js),
        ("cluster-help.js", PackageResources.cluster_help_js),
        ("cluster-page.js", PackageResources.cluster_page_js),
        ("cluster.css", PackageResources.cluster_css),
        ("console.js", PackageResources.console_js),
        ("coordination-dialogs.js", PackageResources.coordination_dialogs_js),
        ("coordination-page.js", PackageResources.coordination_page_js),
        ("coordination.css", PackageResources.coordination_css),
        ("diagnosis.js", PackageResources.diagnosis_js),
        ("dialogs.js", PackageResources.dialogs_js),
        ("dom.js", PackageResources.dom_js),
        ("empty-state.js", PackageResources.empty_state_js),
        ("frame.css", PackageResources.frame_css),
        ("icon.svg", PackageResources.icon_svg),
        ("identifier-forms.js", PackageResources.identifier_forms_js),
        ("identifiers-help.js", PackageResources.identifiers_help_js),
        ("identifiers-page.js", PackageResources.identifiers_page_js),
        ("identifiers.css", PackageResources.identifiers_css),
        ("index.html", PackageResources.index_html),
        ("inquiry.js", PackageResources.inquiry_js),
        ("keyed-rows.js", PackageResources.keyed_rows_js),
        ("list-keys.js", PackageResources.list_keys_js),
        ("live.js", PackageResources.live_js),
        ("lock-book.js", PackageResources.lock_book_js),
        ("lock-overview.js", PackageResources.lock_overview_js),
        ("lock-panel.js", PackageResources.lock_panel_js),
        ("lock-table.js", PackageResources.lock_table_js),
        ("locks-help.js", PackageResources.locks_help_js),
        ("locks-page.js", PackageResources.locks_page_js),
        ("locks.css", PackageResources.locks_css),
        ("operator-name.js", PackageResources.operator_name_js),
        ("overview.js", PackageResources.overview_js),
        ("proxies-api.js", PackageResources.proxies_api_js),
        ("proxies-help.js", PackageResources.proxies_help_js),
        ("proxies-page.js", PackageResources.proxies_page_js),
        ("proxies.css", PackageResources.proxies_css),
        ("proxy-figures.js", PackageResources.proxy_figures_js),
        ("proxy-upstream.js", PackageResources.proxy_upstream_js),
        ("queue-book.js", PackageResources.queue_book_js),
        ("queue-chart.js", PackageResources.queue_chart_js),
        ("queue-dead.js", PackageResources.queue_dead_js),
        ("queue-diagnosis.js", PackageResources.queue_diagnosis_js),
        ("queue-dialogs.js", PackageResources.queue_dialogs_js),
        ("queue-flow.js", PackageResources.queue_flow_js),
        ("queue-messages.js", PackageResources.queue_messages_js),
        ("queue-now.js", PackageResources.queue_now_js),
        ("queue-panel.js", PackageResources.queue_panel_js),
        ("queue-routing.js", PackageResources.queue_routing_js),
        ("queue-table.js", PackageResources.queue_table_js),
        ("queues-api.js", PackageResources.queues_api_js),
        ("queues-help.js", PackageResources.queues_help_js),
        ("queues-page.js", PackageResources.queues_page_js),
        ("queues.css", PackageResources.queues_css),
        ("registry-api.js", PackageResources.registry_api_js),
        ("registry-help.js", PackageResources.registry_help_js),
        ("registry-page.js", PackageResources.registry_page_js),
        ("resilience-api.js", PackageResources.resilience_api_js),
        ("resilience-dialogs.js", PackageResources.resilience_dialogs_js),
        ("resilience-help.js", PackageResources.resilience_help_js),
        ("resilience-page.js", PackageResources.resilience_page_js),
        ("resilience.css", PackageResources.resilience_css),
        ("semaphores-help.js", PackageResources.semaphores_help_js),
        ("semaphores-page.js", PackageResources.semaphores_page_js),
        ("text.js", PackageResources.text_js),
        ("theme.js", PackageResources.theme_js),
        ("transaction-chart.js", PackageResources.transaction_chart_js),
        ("transaction-dialogs.js", PackageResources.transaction_dialogs_js),
        ("transaction-history.js", PackageResources.transaction_history_js),
        ("transaction-panel.js", PackageResources.transaction_panel_js),
        ("transaction-table.js", PackageResources.transaction_table_js),
        ("transaction-timeline.js", PackageResources.transaction_timeline_js),
        ("transactions-api.js", PackageResources.transactions_api_js),
        ("transactions-help.js", PackageResources.transactions_help_js),
        ("transactions-page.js", PackageResources.transactions_page_js),
        ("transactions.css", PackageResources.transactions_css),
    ]

    private let files: [String: File]

    private init(_ contents: [(String, [UInt8])]) {
        var files: [String: File] = [:]
        for (name, bytes) in contents {
            let digest = SHA256.hash(data: bytes).prefix(16)
            let tag = String(
                decoding: digest.flatMap { [hexadecimalDigit($0 >> 4), hexadecimalDigit($0 & 0xF)] }, as: UTF8.self)
            files[name] = File(
                name: name, type: Self.mediaType(of: name), contents: ByteBuffer(bytes: bytes), tag: "\"\(tag)\"")
        }
        self.files = files
    }

    /// The names of all files.
    var names: Set<String> { Set(self.files.keys) }

    /// The file of a name; the empty name is the page itself.
    subscript(name: String) -> File? {
        self.files[name.isEmpty ? "index.html" : name]
    }

    private static func mediaType(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "svg": "image/svg+xml"
        case "json": "application/json"
        case "png": "image/png"
        default: "application/octet-stream"
        }
    }

    /// What a page of the console may load and do: only what this server itself serves. Nobody may frame it, so that a
    /// foreign page cannot trick an operator into a click that breaks a lock.
    static let contentSecurityPolicy =
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
}
