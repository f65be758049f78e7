/// An answer that is always the same.
public struct RouteAnswer: Hashable, Sendable {
    /// From 200 to 599.
    public let status: Int
    /// What the body is.
    public let contentType: String
    /// The body; empty with 204 and 304, which have none.
    public let body: String

    /// The longest body, in bytes.
    public static var largestBody: Int { 65_536 }

    /// Makes an answer.
    ///
    /// - Parameters:
    ///   - contentType: A value of `Content-Type`.
    ///   - body: At most ``largestBody`` bytes of UTF-8.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        status: Int, contentType: String = "text/plain; charset=utf-8", body: String = ""
    ) throws(ProxyError) {
        guard (200...599).contains(status) else {
            throw ProxyError(.invalidConfiguration, "the status \(status) of an answer is not from 200 to 599")
        }
        guard !contentType.isEmpty else {
            throw ProxyError(.invalidConfiguration, "the content type \"\" of an answer says nothing")
        }
        try FieldSyntax.check(value: contentType, of: "Content-Type")
        guard body.utf8.count <= Self.largestBody else {
            throw ProxyError(
                .invalidConfiguration,
                "a body of \(body.utf8.count) bytes for an answer is not possible: at most \(Self.largestBody)")
        }
        guard body.isEmpty || (status != 204 && status != 304) else {
            throw ProxyError(.invalidConfiguration, "an answer with the status \(status) has no body")
        }
        self.status = status
        self.contentType = contentType
        self.body = body
    }
}
