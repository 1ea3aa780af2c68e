using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace XeSvm.Cli.Tests.Browser;

/// <summary>One way to look at a page.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Width">CSS pixels.</param>
/// <param name="Media">What stands in the style sheet's media query that shall hold: <c>print</c>, a colour scheme, or null.</param>
internal sealed record PageView(string Name, int Width, string? Media = null);

/// <summary>What a browser made of a page.</summary>
/// <param name="ScrollWidth">How wide the content is.</param>
/// <param name="Outside">Texts that are not wholly between the left and the right edge.</param>
/// <param name="Overlapping">Pairs of texts that lie on each other.</param>
/// <param name="Clipped">Elements whose text is cut.</param>
/// <param name="LowContrast">Texts whose colour is too near to what is behind them.</param>
/// <param name="Texts">The visible texts.</param>
/// <param name="Bars">Widths of the parts of each stacked bar, and of the bar.</param>
/// <param name="Charts">Heights of the columns of each histogram.</param>
internal sealed record PageLayout(
    double ScrollWidth, string[] Outside, string[] Overlapping, string[] Clipped, string[] LowContrast, string[] Texts, double[][] Bars, double[][] Charts)
{
    private const string Script = """
        function luminance(colour) {
          const parts = colour.match(/[\d.]+/g).map(Number);
          const linear = parts.slice(0, 3).map(v => (v /= 255) <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));
          return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        }
        function background(element, view) {
          for (; element; element = element.parentElement) {
            const colour = view.getComputedStyle(element).backgroundColor;
            if (colour !== 'rgba(0, 0, 0, 0)') return colour;
          }
          return 'rgb(255, 255, 255)';
        }
        function look(frame) {
          const view = frame.contentWindow, document_ = view.document, width = frame.clientWidth;
          const result = { scrollWidth: document_.documentElement.scrollWidth, outside: [], overlapping: [], clipped: [], lowContrast: [], texts: [], bars: [], charts: [] };
          const walker = document_.createTreeWalker(document_.body, NodeFilter.SHOW_TEXT);
          const boxes = [];
          for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const text = node.textContent.trim();
            if (text === '') continue;
            const range = document_.createRange();
            range.selectNodeContents(node);
            const rects = [...range.getClientRects()].filter(r => r.width > 0 && r.height > 0);
            if (rects.length === 0) continue;
            result.texts.push(text);
            const element = node.parentElement, style = view.getComputedStyle(element);
            if (rects.some(r => r.left < -0.5 || r.right > width + 0.5)) result.outside.push(text);
            if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0) result.clipped.push(text);
            const light = [luminance(style.color), luminance(background(element, view))].sort((a, b) => b - a);
            if ((light[0] + 0.05) / (light[1] + 0.05) < 4.5) result.lowContrast.push(text);
            for (const rect of rects) boxes.push({ node, text, rect });
          }
          for (let i = 0; i < boxes.length; i++)
            for (let j = i + 1; j < boxes.length; j++) {
              const a = boxes[i], b = boxes[j];
              if (a.node === b.node) continue;
              const across = Math.min(a.rect.right, b.rect.right) - Math.max(a.rect.left, b.rect.left);
              const down = Math.min(a.rect.bottom, b.rect.bottom) - Math.max(a.rect.top, b.rect.top);
              if (across > 1 && down > 3) result.overlapping.push(a.text + ' / ' + b.text);
            }
          for (const bar of document_.querySelectorAll('.bar'))
            result.bars.push([...[...bar.children].map(part => part.getBoundingClientRect().width), bar.getBoundingClientRect().width]);
          for (const chart of document_.querySelectorAll('svg'))
            result.charts.push([...chart.querySelectorAll('rect')].map(column => column.getBoundingClientRect().height));
          return result;
        }
        addEventListener('load', () => {
          document.getElementById('result').textContent = JSON.stringify([...document.querySelectorAll('iframe')].map(look));
        });
        """;

    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web);

    /// <summary>Looks at a page in several ways at once.</summary>
    internal static IReadOnlyList<PageLayout> Of(TestFolder folder, string html, params PageView[] views)
    {
        string frames = string.Concat(views.Select(view =>
            $"<iframe width=\"{view.Width}\" height=\"9000\" style=\"border:0\" srcdoc=\"{WebUtility.HtmlEncode(Apply(html, view))}\"></iframe>\n"));
        string harness = folder.Write("harness.html", $"<!DOCTYPE html><meta charset=\"utf-8\"><script>{Script}</script>{frames}<pre id=\"result\"></pre>");
        string document = Chromium.DumpDocument(folder, harness);
        string json = WebUtility.HtmlDecode(Regex.Match(document, "(?s)<pre id=\"result\">(.*?)</pre>").Groups[1].Value);
        return JsonSerializer.Deserialize<PageLayout[]>(json, s_options)!;
    }

    /// <summary>The page with one of its media queries always true, the others of its kind never.</summary>
    internal static string Apply(string html, PageView view) => view.Media switch
    {
        "print" => html.Replace("@media print", "@media all", StringComparison.Ordinal)
            .Replace("@media (prefers-color-scheme: dark)", "@media not all", StringComparison.Ordinal),
        "dark" => html.Replace("@media (prefers-color-scheme: dark)", "@media all", StringComparison.Ordinal)
            .Replace("color-scheme: light dark", "color-scheme: dark", StringComparison.Ordinal),
        _ => html.Replace("@media (prefers-color-scheme: dark)", "@media not all", StringComparison.Ordinal),
    };
}
