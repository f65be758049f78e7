import ColonyCore
import HTTPTypes
import NIOCore

/// A complete answer to a request.
struct Answer {
    enum Content {
        case json, problem, metrics
        /// A file of the console with its media type and entity tag.
        case file(type: String, tag: String)
        /// An entry of the cache with its media type and entity tag.
        case entry(type: String?, tag: String)
        case none
    }

    var status: Int
    var content: Content
    var body: ByteBuffer
    /// What the body leaves unsaid, such as `Retry-After`.
    var fields: [HTTPField] = []
    /// What to do if the answer cannot be delivered, so that nothing is left held for a client that is gone.
    var undo: (@Sendable () async -> Void)?

    init(status: Int = 200, content: Content = .json, body: ByteBuffer) {
        self.status = status
        self.content = content
        self.body = body
    }

    /// A JSON answer, written by `write`.
    init(status: Int = 200, capacity: Int = 192, json write: (inout ByteBuffer) -> Void) {
        var body = ByteBufferAllocator().buffer(capacity: capacity)
        write(&body)
        self.init(status: status, body: body)
    }

    init(_ problem: Problem) {
        var body = ByteBufferAllocator().buffer(capacity: 256)
        problem.write(to: &body)
        self.init(status: problem.code.status, content: .problem, body: body)
        if var seconds = problem.code.retryAfterSeconds {
            // Rounded up, since asking too early is asking twice.
            if let known = problem.retryAfter { seconds = max(1, Int((known.clampedMilliseconds + 999) / 1_000)) }
            self.fields.append(HTTPField(name: .retryAfter, value: String(seconds)))
        }
        if let allowed = problem.allowedMethods {
            self.fields.append(HTTPField(name: .allow, value: allowed))
        }
        if problem.code == .unauthorized {
            self.fields.append(HTTPField(name: .wwwAuthenticate, value: #"Bearer realm="colony""#))
        }
        if let tag = problem.entityTag {
            self.fields.append(HTTPField(name: .eTag, value: tag))
        }
        // The only coding that is taken is none.
        if problem.code == .unsupportedEncoding {
            self.fields.append(HTTPField(name: .acceptEncoding, value: "identity"))
        }
        // What is left of a body that was not read to its end would be taken for the next request.
        if problem.code == .bodyTimeout {
            self.fields.append(HTTPField(name: .connection, value: "close"))
        }
    }

    private static let referrerPolicy = HTTPField.Name("Referrer-Policy")!

    /// The head that goes before the body.
    func head(date: String) -> HTTPResponse {
        var fields = HTTPFields()
        fields.reserveCapacity(6 + self.fields.count)
        switch self.content {
        case .json: fields.append(HTTPField(name: .contentType, value: "application/json"))
        case .problem: fields.append(HTTPField(name: .contentType, value: "application/problem+json"))
        case .metrics:
            fields.append(HTTPField(name: .contentType, value: "text/plain; version=0.0.4; charset=utf-8"))
        case .file(let type, let tag):
            fields.append(HTTPField(name: .contentType, value: type))
            fields.append(HTTPField(name: .eTag, value: tag))
            fields.append(HTTPField(name: .cacheControl, value: "no-cache"))
            fields.append(HTTPField(name: .contentSecurityPolicy, value: ConsoleFiles.contentSecurityPolicy))
            fields.append(HTTPField(name: .xContentTypeOptions, value: "nosniff"))
            fields.append(HTTPField(name: Self.referrerPolicy, value: "no-referrer"))
        case .entry(let type, let tag):
            fields.append(HTTPField(name: .contentType, value: type ?? "application/octet-stream"))
            fields.append(HTTPField(name: .eTag, value: tag))
            fields.append(HTTPField(name: .cacheControl, value: "no-cache"))
            // Whoever may write could store a page with a script. In a browser it would run as part of the console, and
            // with the operator's token, unless it is locked into an origin of its own.
            fields.append(HTTPField(name: .contentSecurityPolicy, value: "sandbox; default-src 'none'"))
            fields.append(HTTPField(name: .xContentTypeOptions, value: "nosniff"))
            fields.append(HTTPField(name: Self.referrerPolicy, value: "no-referrer"))
        case .none: break
        }
        if self.status != 304 {
            fields.append(HTTPField(name: .contentLength, value: String(self.body.readableBytes)))
        }
        fields.append(HTTPField(name: .date, value: date))
        fields.append(contentsOf: self.fields)
        return HTTPResponse(status: HTTPResponse.Status(code: self.status), headerFields: fields)
    }
}
