import ColonyCore

/// A text was refused as a cron expression. Nothing was done.
public struct InvalidCron: Error, Hashable, Sendable, CustomStringConvertible {
    /// The whole text, escaped so that it can be shown anywhere, and cut after 64 characters.
    public let quotedText: String
    /// Which field is wrong, such as `day-of-month`; `nil` if it is none of them.
    public let field: String?
    /// What is wrong, with the part that is.
    public let reason: String

    init(_ text: String, field: String? = nil, reason: String) {
        self.quotedText = NameRules.quoted(text)
        self.field = field
        self.reason = reason
    }

    public var description: String {
        "\(self.quotedText) is no cron expression: \(self.field.map { "the \($0) " } ?? "")\(self.reason)"
    }
}
