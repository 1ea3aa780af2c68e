using System.Globalization;
using System.Xml.Linq;

namespace XeSvm.Cli.Tests.Browser;

/// <summary>A word on paper; points from the upper left corner.</summary>
internal sealed record PrintedWord(string Text, double Left, double Top, double Right, double Bottom)
{
    /// <summary>Whether two words lie on each other, by more than the white that letters have around them.</summary>
    internal bool Overlaps(PrintedWord other) =>
        Math.Min(Right, other.Right) - Math.Max(Left, other.Left) > 1 && Math.Min(Bottom, other.Bottom) - Math.Max(Top, other.Top) > 0.4 * Math.Min(Bottom - Top, other.Bottom - other.Top);
}

/// <summary>One sheet of a printed page, as <c>pdftotext</c> of poppler reads it.</summary>
internal sealed record PrintedPage(double Width, double Height, IReadOnlyList<PrintedWord> Words)
{
    /// <summary>The program that reads PDF files, or null.</summary>
    internal static string? Reader { get; } = MachineProgram.Find("pdftotext");

    /// <summary>Why a test that needs it is skipped.</summary>
    internal const string SkipReason = "No pdftotext on the PATH (Debian: apt-get install poppler-utils).";

    /// <summary>Reads the sheets of a PDF file.</summary>
    internal static IReadOnlyList<PrintedPage> Read(string file) =>
    [
        .. XDocument.Parse(MachineProgram.Run(Reader!, "-bbox", file, "-")).Descendants().Where(element => element.Name.LocalName == "page").Select(page => new PrintedPage(
            Number(page, "width"),
            Number(page, "height"),
            [.. page.Elements().Select(word => new PrintedWord(word.Value, Number(word, "xMin"), Number(word, "yMin"), Number(word, "xMax"), Number(word, "yMax")))])),
    ];

    private static double Number(XElement element, string attribute) => double.Parse(element.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);
}
