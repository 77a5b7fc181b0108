import { svelte } from "@sveltejs/vite-plugin-svelte";
import tailwindcss from "@tailwindcss/vite";
import { fileURLToPath } from "node:url";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig(({ mode }) => ({
  plugins: [tailwindcss(), svelte(), ...(mode === "test" ? [svelteTesting()] : [])],
  clearScreen: false,
  resolve: { alias: { $lib: here("./src/lib") } },
  server: { host: "127.0.0.1", port: 5173, strictPort: true },
  build: {
    // The review build shows each state over a scripted backend; the app's own build knows nothing of it.
    outDir: mode === "review" ? "dist-review" : "dist",
    rolldownOptions: { input: here(mode === "review" ? "./review.html" : "./index.html") },
    target: ["es2022", "safari16"],
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 800,
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.ts"], setupFiles: ["./tests/setup.ts"] },
}));
