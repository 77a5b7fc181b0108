import { fireEvent, screen } from "@testing-library/svelte";
import { afterEach, describe, expect, test } from "vitest";
import { nav } from "$lib/stores/nav.svelte";
import { notices } from "$lib/stores/notices.svelte";
import { settle, show } from "../../tests/render";
import { week } from "../review/world";
import GroupDetails from "./people/GroupDetails.svelte";
import NewGroup from "./people/NewGroup.svelte";
import OwnCode from "./people/OwnCode.svelte";
import PickPeople from "./people/PickPeople.svelte";

const asked = (backend: { asked: { method: string; args: unknown[] }[] }, method: string) => backend.asked.filter((one) => one.method === method);
const press = async (name: string | RegExp): Promise<void> => {
  await fireEvent.click(screen.getByRole("button", { name }));
  await settle();
};
const last = async (name: string): Promise<void> => {
  const button = screen.getAllByRole("button", { name }).at(-1);
  if (button) await fireEvent.click(button);
  await settle();
};

afterEach(() => notices.clear());

describe("a group", () => {
  test("says who is in it, who made it and which is oneself", async () => {
    await show(week(), GroupDetails, { id: "choir" });
    const members = screen.getAllByRole("listitem").map((item) => item.textContent?.replace(/\s+/g, " ").trim());
    expect(members).toHaveLength(3);
    expect(members.find((text) => text?.includes("élodie.martin"))).toMatch(/Started this group/);
    expect(members.find((text) => text?.includes("Ada (you)"))).toBeTruthy();
    // Only who made it takes somebody out.
    expect(screen.queryByRole("button", { name: /^Remove / })).toBeNull();
  });

  test("loses a member only after a question", async () => {
    const backend = await show(week(), GroupDetails, { id: "hikers" });
    await press(/^Remove Dmitri/);
    expect(asked(backend, "removeFromGroup")).toEqual([]);
    await last("Remove");
    expect(asked(backend, "removeFromGroup")).toMatchObject([{ args: ["hikers", "Dmitri"] }]);
    expect(screen.queryByRole("button", { name: /^Remove Dmitri/ })).toBeNull();
  });

  test("takes in contacts who are not in it, and stops at the first who cannot be added", async () => {
    const world = week();
    const backend = await show(world, GroupDetails, { id: "hikers" });
    await press("Add people");
    const offered = screen.getAllByRole("checkbox").map((box) => box.closest("label")?.textContent ?? "");
    expect(offered.some((text) => text.includes("Bruno"))).toBe(false);
    expect(offered.some((text) => text.includes("Wirrin"))).toBe(false);
    await fireEvent.click(screen.getByRole("checkbox", { name: /grandma/ }));
    await fireEvent.click(screen.getByRole("checkbox", { name: /Tom_the_plumber/ }));
    await settle();
    world.faults.set("addToGroup", "offline");
    await last("Add people");
    expect(asked(backend, "addToGroup")).toHaveLength(1);
    expect(notices.list.at(-1)?.tone).toBe("bad");
  });

  test("is left after a question, and then gone", async () => {
    const backend = await show(week(), GroupDetails, { id: "hikers" });
    await press("Leave group");
    expect(asked(backend, "leaveGroup")).toEqual([]);
    await last("Leave group");
    expect(asked(backend, "leaveGroup")).toMatchObject([{ args: ["hikers"] }]);
    expect(nav.place).toEqual({ view: "groups" });
    expect(screen.queryByText("Sunday hikers")).toBeNull();
  });

  test("that has nobody else cannot be called", async () => {
    const world = week();
    world.groups = world.groups.map((group) => ({ ...group, members: ["Ada"] }));
    const backend = await show(world, GroupDetails, { id: "hikers" });
    await press("Call everybody");
    expect(asked(backend, "callGroup")).toEqual([]);
  });
});

describe("a new group", () => {
  test("needs a name, and leads to the group", async () => {
    const backend = await show(week(), NewGroup, { open: true });
    await press("Create");
    expect(asked(backend, "createGroup")).toEqual([]);
    await fireEvent.input(screen.getByLabelText("Name of the group"), { target: { value: "  chess " } });
    await fireEvent.click(screen.getByRole("checkbox", { name: /Bruno/ }));
    await settle();
    await press("Create");
    expect(asked(backend, "createGroup")).toMatchObject([{ args: ["chess", ["Bruno"]] }]);
    expect(nav.place.view).toBe("group");
    expect(notices.list).toEqual([]);
  });

  test("says who could not be added, and the group is there all the same", async () => {
    const backend = await show(week(), NewGroup, { open: true });
    const create = backend.createGroup.bind(backend);
    backend.createGroup = async (account, name, members) => ({ ...(await create(account, name, [])), members: ["Ada", ...members.slice(1)] });
    await fireEvent.input(screen.getByLabelText("Name of the group"), { target: { value: "chess" } });
    await fireEvent.click(screen.getByRole("checkbox", { name: /Bruno/ }));
    await fireEvent.click(screen.getByRole("checkbox", { name: /grandma/ }));
    await settle();
    await press("Create");
    expect(notices.list.at(-1)?.text).toMatch(/Bruno/);
    expect(notices.list.at(-1)?.text).not.toMatch(/grandma/);
  });

  test("whose name is refused says so and keeps what was typed", async () => {
    const world = week();
    world.faults.set("createGroup", "group_name_invalid");
    await show(world, NewGroup, { open: true });
    const field = screen.getByLabelText<HTMLInputElement>("Name of the group");
    await fireEvent.input(field, { target: { value: "chess" } });
    await settle();
    await press("Create");
    expect(screen.getByText("A group’s name has 1 to 64 characters.")).toBeTruthy();
    expect(field.value).toBe("chess");
  });
});

describe("choosing people", () => {
  test("finds names without case and accents, and shows a bounded number", async () => {
    const many = Array.from({ length: 300 }, (_, index) => `guest${index}`);
    await show(week(), PickPeople, { label: "People", names: ["élodie.martin", ...many], chosen: [] });
    expect(screen.getAllByRole("checkbox")).toHaveLength(200);
    await fireEvent.input(screen.getByRole("textbox", { name: "Search people" }), { target: { value: "ELODIE" } });
    await settle();
    expect(screen.getAllByRole("checkbox")).toHaveLength(1);
  });

  test("says when there is nobody", async () => {
    await show(week(), PickPeople, { label: "People", names: [], chosen: [] });
    expect(screen.queryByRole("checkbox")).toBeNull();
  });
});

describe("one's own code", () => {
  test("is a picture with its link beside it, which can be copied", async () => {
    const backend = await show(week(), OwnCode, { open: true });
    expect(screen.getByText("cooee://cooee.example.org/add/Ada")).toBeTruthy();
    expect(screen.getByRole("img")).toBeTruthy();
    await press("Copy link");
    expect(asked(backend, "copyText")).toMatchObject([{ args: ["cooee://cooee.example.org/add/Ada"] }]);
  });
});
