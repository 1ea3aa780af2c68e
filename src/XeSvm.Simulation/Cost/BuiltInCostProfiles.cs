namespace XeSvm.Simulation.Cost;

/// <summary>The profiles that come with the project, in the form that a user's own file has.</summary>
internal static class BuiltInCostProfiles
{
    /// <summary>Calibrated on published 2M rows, checked on 64K rows.</summary>
    private const string Xe202601 =
        """
        {
          "schema": "xesvm.cost-profile/1",
          "name": "xe-2026-01",
          "description": "CPU time of a migration on the machine of the series' cover letters: lazy IOMMU, non-coherent four-level walker. With the flush regression in the counters it gives the first baseline, without it the healthy one.",
          "unit": "us",
          "modes": ["lazy", "passthrough", "off"],
          "sources": [
            "2M rows and the 64K baseline of the series' cover letters; 896 migrations a row",
            "One flush call of one line: the flush regression, 512 * 3 calls in 552.36 - 334.00 us",
            "Cost of a folio outside of DMA: passthrough at 2M",
            "Not identified by any row, chosen: walk 0.03, entry 0.003 us, and 0.03 us for each line of a flush, with which an unaligned run costs the predicted 138 us; allocator and link call follow from these"
          ],
          "fixed": 7.9653,
          "perFolio": 0.23835,
          "copy": { "fixed": 39.7, "perPage": 0.339 },
          "noise": { "absolute": 0.5, "relative": 0.02 },
          "unitCosts": {
            "iova_alloc_magazine": 0.0211,
            "iova_alloc_tree": 0.0211,
            "link_calls": 0.001434,
            "walks_map": 0.03,
            "walks_unmap": 0.03,
            "walks_lookup": 0.03,
            "pte_set": 0.003,
            "flush_calls": 0.112164,
            "lines_flushed": 0.03
          },
          "rows": [
            { "name": "per-page 2M regressed", "role": "calibrated", "pages": 512, "strategy": "per-page", "layout": "scattered", "mode": "lazy", "walker": "non-coherent", "flushRegression": true,
              "value": 552.36049107142857, "source": "cover letter of RFC v3, 2026-01-27" },
            { "name": "per-page 64K regressed", "role": "calibrated", "pages": 16, "strategy": "per-page", "layout": "scattered", "mode": "lazy", "walker": "non-coherent", "flushRegression": true,
              "value": 24.97767857142857, "source": "cover letter of RFC v3, 2026-01-27" },
            { "name": "per-page 2M", "role": "calibrated", "pages": 512, "strategy": "per-page", "layout": "scattered", "mode": "lazy", "walker": "non-coherent",
              "value": 333.99665178571429, "source": "cover letter of v4, 2026-02-04" },
            { "name": "iova 2M", "role": "calibrated", "pages": 512, "strategy": "iova", "layout": "scattered", "mode": "lazy", "walker": "non-coherent",
              "value": 224.81808035714286, "source": "cover letter of RFC v3, 2026-01-27" },
            { "name": "passthrough 2M", "role": "calibrated", "pages": 512, "strategy": "per-page", "layout": "scattered", "mode": "passthrough", "walker": "non-coherent",
              "value": 130, "source": "series' discussion, rounded: passthrough takes about 130 us" },
            { "name": "per-page 64K", "role": "checked", "pages": 16, "strategy": "per-page", "layout": "scattered", "mode": "lazy", "walker": "non-coherent",
              "value": 18.62723214285714, "source": "cover letter of v4, 2026-02-04" },
            { "name": "iova 64K", "role": "checked", "pages": 16, "strategy": "iova", "layout": "scattered", "mode": "lazy", "walker": "non-coherent",
              "value": 14.65625, "source": "cover letter of RFC v3, 2026-01-27" },
            { "name": "iova-runs 2M", "role": "explained", "pages": 512, "strategy": "iova-runs", "layout": "runs:4", "mode": "lazy", "walker": "non-coherent",
              "value": 158.52901785714286, "source": "cover letter of RFC v3, 2026-01-27; page layout not published" },
            { "name": "iova-runs 64K", "role": "explained", "pages": 16, "strategy": "iova-runs", "layout": "runs:2", "mode": "lazy", "walker": "non-coherent",
              "value": 14, "source": "cover letter of RFC v3, 2026-01-27; page layout not published" },
            { "name": "iova-runs 2M contiguous", "role": "predicted", "pages": 512, "strategy": "iova-runs", "layout": "contiguous", "mode": "lazy", "walker": "non-coherent",
              "value": 130.3, "source": "prediction, published before any measurement" },
            { "name": "iova-runs 2M contiguous unaligned", "role": "predicted", "pages": 512, "strategy": "iova-runs", "layout": "contiguous-unaligned", "mode": "lazy", "walker": "non-coherent",
              "value": 138, "source": "prediction, published before any measurement" },
            { "name": "iova-runs 2M scattered", "role": "predicted", "pages": 512, "strategy": "iova-runs", "layout": "scattered", "mode": "lazy", "walker": "non-coherent",
              "value": 224.8, "source": "prediction, published before any measurement" },
            { "name": "iova-runs 64K contiguous", "role": "predicted", "pages": 16, "strategy": "iova-runs", "layout": "contiguous", "mode": "lazy", "walker": "non-coherent",
              "value": 12.2, "source": "prediction, published before any measurement" },
            { "name": "passthrough 64K", "role": "predicted", "pages": 16, "strategy": "iova", "layout": "scattered", "mode": "passthrough", "walker": "non-coherent",
              "value": 11.8, "source": "prediction, published before any measurement" },
            { "name": "iova 2M folio", "role": "predicted", "pages": 512, "strategy": "iova", "layout": "huge", "mode": "lazy", "walker": "non-coherent",
              "value": 8.5, "source": "prediction, published before any measurement" }
          ]
        }
        """;

    /// <summary>The same machine with strict invalidation, whose cost nobody has published.</summary>
    private const string Xe202601Strict =
        """
        {
          "schema": "xesvm.cost-profile/1",
          "name": "xe-2026-01-strict",
          "description": "As xe-2026-01, with a cost for each invalidation that the caller waits for. That cost is assumed: sweep it.",
          "unit": "us",
          "modes": ["strict", "passthrough", "off"],
          "sources": ["xe-2026-01 for everything but inval_strict and sync_hw", "inval_strict, sync_hw: assumed"],
          "fixed": 7.9653,
          "perFolio": 0.23835,
          "copy": { "fixed": 39.7, "perPage": 0.339 },
          "noise": { "absolute": 0.5, "relative": 0.02 },
          "unitCosts": {
            "iova_alloc_magazine": 0.0211,
            "iova_alloc_tree": 0.0211,
            "link_calls": 0.001434,
            "walks_map": 0.03,
            "walks_unmap": 0.03,
            "walks_lookup": 0.03,
            "pte_set": 0.003,
            "flush_calls": 0.112164,
            "lines_flushed": 0.03,
            "inval_strict": 1,
            "sync_hw": 1
          },
          "assumed": {
            "inval_strict": { "low": 0.3, "high": 2 },
            "sync_hw": { "low": 0.3, "high": 2 }
          }
        }
        """;

    /// <summary>Every operation counts one.</summary>
    private const string Flat =
        """
        {
          "schema": "xesvm.cost-profile/1",
          "name": "flat",
          "description": "Every operation costs one unit: a count of operations, no time. Segments, fallbacks, errors and bytes are no operations.",
          "unit": "units",
          "fixed": 0,
          "perFolio": 0,
          "unitCosts": {
            "iova_alloc_magazine": 1,
            "iova_alloc_tree": 1,
            "iova_free": 1,
            "link_calls": 1,
            "map_calls": 1,
            "walks_map": 1,
            "walks_unmap": 1,
            "walks_lookup": 1,
            "pte_set": 1,
            "pte_clear": 1,
            "leaf_2m": 1,
            "table_alloc": 1,
            "table_free": 1,
            "flush_calls": 1,
            "lines_flushed": 1,
            "sync_calls": 1,
            "sync_hw": 1,
            "unlink_calls": 1,
            "unmap_calls": 1,
            "inval_strict": 1,
            "inval_lazy_full": 1,
            "queue_entries": 1
          }
        }
        """;

    private static readonly string[] s_texts = [Xe202601, Xe202601Strict, Flat];

    private static readonly Lazy<CostProfile[]> s_profiles = new(() => Array.ConvertAll(s_texts, CostProfileReader.Read));

    /// <summary>The profiles.</summary>
    public static ReadOnlySpan<CostProfile> All => s_profiles.Value;

    /// <summary>A profile's JSON, to start an own file from.</summary>
    /// <exception cref="FormatException">There is none of that name; the message lists those that there are.</exception>
    public static string Text(string name) => s_texts[Index(name)];

    /// <summary>A profile by name.</summary>
    /// <exception cref="FormatException">There is none of that name; the message lists those that there are.</exception>
    public static CostProfile Get(string name) => s_profiles.Value[Index(name)];

    private static int Index(string name)
    {
        int index = Array.FindIndex(s_profiles.Value, profile => profile.Name == name);
        return index >= 0
            ? index
            : throw new FormatException(
                $"'{name}' is no built-in cost profile; there are {string.Join(", ", s_profiles.Value.Select(profile => profile.Name))}.");
    }
}
