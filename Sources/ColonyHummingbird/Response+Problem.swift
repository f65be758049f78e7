import ColonyCore
import ColonyResilience
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    /// What a refusal of a layer looks like over HTTP: a problem document of RFC 9457, and `Retry-After` where the layer knows.
    init(_ error: ResilienceError) {
        let status: HTTPResponse.Status =
            switch error.code {
            case .rateLimited: .tooManyRequests
            case .deadlineExceeded: .gatewayTimeout
            // What may have been done must not look like a refusal, which is repeated.
            case .unavailable, .budgetExhausted, .noneAvailable: .badGateway
            case .inFlight: .conflict
            case .keyReused: .unprocessableContent
            case .invalidRequest: .badRequest
            case .invalidConfiguration, .cancelled: .internalServerError
            default: .serviceUnavailable
            }
        var fields: HTTPFields = [.contentType: "application/problem+json"]
        if let wait = error.retryAfter {
            fields[.retryAfter] = String(max(.zero, wait).wholeSeconds)
        }
        let code = Self.snakeCase(error.code.description)
        // The message may name hosts and keys of the server's inside, which are no business of the sender; the code says enough.
        let body = """
            {"type":"about:blank","title":"\(status.reasonPhrase)","status":\(status.code),"code":"\(code)"}
            """
        self.init(status: status, headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
    }

    private static func snakeCase(_ code: String) -> String {
        var text = ""
        for character in code {
            if character.isUppercase { text.append("_") }
            text.append(contentsOf: character.lowercased())
        }
        return text
    }
}

extension HTTPField.Name {
    static let retryAfter = HTTPField.Name(known: "Retry-After")
}

extension HTTPField.Name {
    /// A name that is known to be one.
    init(known name: String) {
        guard let field = HTTPField.Name(name) else { preconditionFailure("\(name) is no name of a header") }
        self = field
    }
}
