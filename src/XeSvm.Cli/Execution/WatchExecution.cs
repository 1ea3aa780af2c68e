using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using XeSvm.Cli.Rendering;
using XeSvm.Cli.Watching;
using XeSvm.Statistics;

namespace XeSvm.Cli.Execution;

/// <summary>What <c>watch</c> is asked for.</summary>
/// <param name="Backend">The backend, or null.</param>
/// <param name="Interval">Time between two readings.</param>
/// <param name="Iterations">How many frames; null: until it is interrupted.</param>
/// <param name="Load">Whether migrations are caused meanwhile.</param>
/// <param name="Json">Whether each frame is one line of JSON.</param>
internal sealed record WatchRequest(BackendChoice? Backend, TimeSpan Interval, int? Iterations, bool Load, bool Json);

/// <summary>Runs <c>watch</c>.</summary>
internal static class WatchExecution
{
    /// <summary>Shows frames until it is interrupted, which is its usual end.</summary>
    internal static int Run(WatchRequest request, CliConsole console, CancellationToken cancellation)
    {
        using XeDevice device = XeDevice.Open(XeBackends.Select(request.Backend));
        WatchSample first = WatchSample.Take(device);
        if (first.Gts.Count == 0)
        {
            throw new StatisticsUnavailableException(
                $"No GT of {device.Node.Path} has statistics that can be read: {string.Join(" ", first.Unreadable.Values.Distinct())} " +
                "'xesvm doctor' says what to do.");
        }

        if (device.BackendName == "software" && !request.Load)
        {
            console.Error.WriteLine(
                "xesvm: the software backend's statistics are of this process alone, so nothing will move; --load causes migrations to be seen.");
        }

        using WatchLoad? load = request.Load ? new WatchLoad(device) : null;
        string title = $"{device.BackendName} backend, {device.Node.Path}";
        if (request.Json)
        {
            foreach (WatchFrame frame in Frames(request, device, first, load, cancellation))
            {
                console.Output.WriteLine(JsonSerializer.Serialize(WatchJson.Of(frame, device), CliJsonLines.Default.WatchJson));
                console.Output.Flush();
            }
        }
        else if (console.OutputIsTerminal)
        {
            ShowLive(request, console, device, first, load, title, cancellation);
        }
        else
        {
            console.Output.WriteLine(title);
            foreach (WatchFrame frame in Frames(request, device, first, load, cancellation))
            {
                WriteLines(console, frame);
            }
        }

        load?.Stop();
        return ExitCode.Success;
    }

    private static void ShowLive(
        WatchRequest request, CliConsole console, XeDevice device, WatchSample first, WatchLoad? load, string title, CancellationToken cancellation)
    {
        IAnsiConsole ansi = console.Ansi(console.Output);
        ansi.Live(new Text($"{title}: the first figures come in {request.Interval.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s"))
            .Start(context =>
            {
                context.Refresh();
                foreach (WatchFrame frame in Frames(request, device, first, load, cancellation))
                {
                    context.UpdateTarget(WatchView.Draw(frame, title, console.Width));
                    context.Refresh();
                }
            });
    }

    private static IEnumerable<WatchFrame> Frames(
        WatchRequest request, XeDevice device, WatchSample first, WatchLoad? load, CancellationToken cancellation)
    {
        WatchSample before = first;
        for (int frame = 0; frame != request.Iterations && !cancellation.WaitHandle.WaitOne(request.Interval); frame++)
        {
            load?.ThrowIfFailed();
            WatchSample after = WatchSample.Take(device);
            yield return WatchFrame.Between(before, after);
            before = after;
        }
    }

    private static void WriteLines(CliConsole console, WatchFrame frame)
    {
        console.Output.WriteLine();
        PlainTable.Write(console.Output, WatchView.ToTable(frame));
        foreach (string remark in WatchView.Remarks(frame))
        {
            console.Output.WriteLine(remark);
        }

        console.Output.Flush();
    }
}
