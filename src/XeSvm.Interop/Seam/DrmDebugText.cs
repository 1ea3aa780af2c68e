using System.Diagnostics.CodeAnalysis;

namespace XeSvm.Interop;

/// <summary>The text of a debug file, or the reason why it cannot be read.</summary>
public readonly record struct DrmDebugText
{
    private DrmDebugText(string? text, string? reason)
    {
        Text = text;
        Reason = reason;
    }

    /// <summary>The file's text, or <see langword="null"/>.</summary>
    public string? Text { get; }

    /// <summary>Why there is no text, and what would help; <see langword="null"/> when there is text.</summary>
    public string? Reason { get; }

    /// <summary>Whether there is text.</summary>
    [MemberNotNullWhen(true, nameof(Text))]
    [MemberNotNullWhen(false, nameof(Reason))]
    public bool IsAvailable => Text is not null;

    /// <summary>A text that was read.</summary>
    /// <param name="text">The whole file.</param>
    public static DrmDebugText Of(string text) => new(text ?? throw new ArgumentNullException(nameof(text)), null);

    /// <summary>No text, for a reason.</summary>
    /// <param name="reason">One sentence: why, and what would help.</param>
    public static DrmDebugText Unavailable(string reason) => new(null, reason ?? throw new ArgumentNullException(nameof(reason)));
}
