/// One step of a saga over HTTP, as the journal keeps it.
struct HTTPStep: Hashable, Sendable, Codable {
    enum Kind: String, Hashable, Sendable, Codable {
        case compensable, read, pivot, retryable
    }

    var name: String
    var kind: Kind
    /// The steps before it by their places, which must be done first.
    var after: [Int]
    /// The URLs that are called to do it and to undo it.
    var action: String
    var compensation: String?
    var timeout: Int64?
    var retry: HTTPRetry?
    /// Whether it is told what the steps before it gave.
    var outputs: Bool?

    enum CodingKeys: String, CodingKey {
        case name, kind, after, action, compensation, retry, outputs
        case timeout = "timeout_ms"
    }
}
