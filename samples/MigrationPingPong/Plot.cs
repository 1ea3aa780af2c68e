using System.Globalization;
using System.Text;

namespace MigrationPingPong;

/// <summary>Draws turns.</summary>
internal static class Plot
{
    private const int BarWidth = 30;
    private const int Width = 720;
    private const int PanelHeight = 200;
    private const int Margin = 60;

    /// <summary>One line a round, with a bar for each side; both have the same scale.</summary>
    internal static string Text(string title, Turns turns)
    {
        StringBuilder text = new();
        double largest = Math.Max(turns.Gpu.Max(), turns.Cpu.Max());
        text.AppendLine(CultureInfo.InvariantCulture, $"{title} ({turns.Counts})");
        text.AppendLine(CultureInfo.InvariantCulture, $"round  {"GPU",8} {"",-BarWidth}  {"CPU",8}");
        for (int round = 0; round < turns.Gpu.Length; round++)
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{round + 1,5}  {turns.Gpu[round],8:0.0} {Bar(turns.Gpu[round], largest),-BarWidth}  {turns.Cpu[round],8:0.0} {Bar(turns.Cpu[round], largest)}");
        }

        return text.ToString();
    }

    /// <summary>A drawing with one panel for each kind of memory, all with the same scale, readable on light and dark.</summary>
    internal static string Svg(string backend, Turns moving, Turns? staying)
    {
        (string Title, Turns Turns)[] panels = staying is null
            ? [("memory that migrates", moving)]
            : [("memory that migrates", moving), ("memory that prefers the system", staying)];
        double largest = panels.Max(panel => Math.Max(panel.Turns.Gpu.Max(), panel.Turns.Cpu.Max()));
        int height = Margin + panels.Length * (PanelHeight + Margin);
        StringBuilder svg = new();
        svg.AppendLine(
            CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {height}\" font-family=\"sans-serif\" font-size=\"13\">");
        svg.AppendLine("<style>text{fill:#222}line{stroke:#888}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>");
        svg.AppendLine(
            CultureInfo.InvariantCulture,
            $"<text x=\"{Margin}\" y=\"24\">CPU and GPU take turns on 2 MiB: us a turn, {backend} backend (<tspan fill=\"#d2691e\">GPU</tspan>, <tspan fill=\"#4682b4\">CPU</tspan>)</text>");
        for (int index = 0; index < panels.Length; index++)
        {
            Panel(svg, Margin + index * (PanelHeight + Margin), panels[index].Title, panels[index].Turns, largest);
        }

        svg.AppendLine("</svg>");
        return svg.ToString();
    }

    private static void Panel(StringBuilder svg, int top, string title, Turns turns, double largest)
    {
        int bottom = top + PanelHeight;
        svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Margin}\" y=\"{top - 8}\">{title}: {turns.Counts}</text>");
        svg.AppendLine(CultureInfo.InvariantCulture, $"<line x1=\"{Margin}\" y1=\"{bottom}\" x2=\"{Width - 10}\" y2=\"{bottom}\"/>");
        svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Margin - 6}\" y=\"{top + 12}\" text-anchor=\"end\">{largest:0}</text>");
        svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Margin - 6}\" y=\"{bottom}\" text-anchor=\"end\">0</text>");
        double step = (Width - 10.0 - Margin) / turns.Gpu.Length;
        for (int round = 0; round < turns.Gpu.Length; round++)
        {
            double left = Margin + round * step;
            Bar(svg, left + step * 0.1, bottom, step * 0.4, turns.Gpu[round] / largest, "#d2691e");
            Bar(svg, left + step * 0.5, bottom, step * 0.4, turns.Cpu[round] / largest, "#4682b4");
        }
    }

    private static void Bar(StringBuilder svg, double x, int bottom, double width, double share, string colour)
    {
        double height = share * PanelHeight;
        svg.AppendLine(
            CultureInfo.InvariantCulture,
            $"<rect x=\"{x:0.##}\" y=\"{bottom - height:0.##}\" width=\"{width:0.##}\" height=\"{height:0.##}\" fill=\"{colour}\"/>");
    }

    private static string Bar(double value, double largest) => new('#', (int)Math.Round(value / largest * BarWidth));
}
