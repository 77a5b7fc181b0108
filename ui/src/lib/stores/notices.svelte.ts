/** A sentence that comes up and goes by itself, or stays until it is dismissed. */
export interface Notice {
  id: number;
  tone: "plain" | "good" | "bad";
  text: string;
  action: { label: string; run: () => void } | null;
}

const SHOWN_FOR = 6000;
const AT_MOST = 3;

class Notices {
  list: Notice[] = $state([]);
  #next = 1;

  show(text: string, tone: Notice["tone"] = "plain", action: Notice["action"] = null): void {
    if (this.list.some((notice) => notice.text === text)) return;
    const id = this.#next++;
    this.list = [...this.list.slice(1 - AT_MOST), { id, tone, text, action }];
    // What went wrong stays a little longer than what went well.
    setTimeout(() => this.dismiss(id), tone === "bad" ? SHOWN_FOR * 2 : SHOWN_FOR);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }

  clear(): void {
    this.list = [];
  }
}

export const notices = new Notices();
