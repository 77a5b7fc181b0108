//! Messages of every kind, with arguments from everything that the specification allows.

use std::net::IpAddr;

use cooee_protocol::{
    AddContact, AddToGroup, AmendProfile, CallInfo, ClientMessage, Contact, CreateGroup,
    CreateProfile, Data, DistributeInfo, Empty, ErrorCode, ErrorReply, Exchange, Group, GroupId,
    GroupMember, GroupName, InfoCall, Join, Login, NewPassword, ParticipantInfo, Password,
    PictureId, Place, Profile, Quit, RelayAccess, RelayCredential, RequestInfo, Resume, Ring,
    ServerMessage, Status, Token, Username,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::conversations;

pub(crate) fn username() -> impl Strategy<Value = Username> {
    prop_oneof![
        "[a-zA-Z0-9._-]{1,32}",
        "[a-zßéÀжЯ漢字ａ-ｚΑ-Ωא-ת]{1,32}",
        "\\PC{1,32}",
    ]
    .prop_filter_map("a name that RFC 8265 allows", |text| {
        Username::parse(&text).ok()
    })
}

pub(crate) fn group_id() -> impl Strategy<Value = GroupId> {
    prop_oneof!["[0-9a-f-]{36}", "\\PC{1,64}"]
        .prop_filter_map("an id", |text| GroupId::parse(&text).ok())
}

fn group_name() -> impl Strategy<Value = GroupName> {
    "\\PC{1,64}".prop_filter_map("a group's name", |text| GroupName::parse(&text).ok())
}

fn new_password() -> impl Strategy<Value = NewPassword> {
    vec(any::<char>(), 8..=256)
        .prop_map(|chars| NewPassword::parse(&chars.iter().collect::<String>()).unwrap())
}

pub(crate) fn password() -> impl Strategy<Value = Password> {
    vec(any::<char>(), 0..=256)
        .prop_map(|chars| Password::parse(&chars.iter().collect::<String>()).unwrap())
}

fn token() -> impl Strategy<Value = Token> {
    "[!-~]{1,256}".prop_map(|text| Token::parse(&text).unwrap())
}

fn relay_access() -> impl Strategy<Value = RelayAccess> {
    let credential = "[!-~]{1,256}".prop_map(|text| RelayCredential::parse(&text).unwrap());
    (
        vec("\\PC{1,40}", 0..3),
        "\\PC{0,80}",
        credential,
        any::<u64>(),
    )
        .prop_map(|(urls, username, credential, ttl)| RelayAccess {
            urls,
            username,
            credential,
            ttl,
        })
}

fn picture() -> impl Strategy<Value = PictureId> {
    prop_oneof![Just(String::new()), "[0-9a-f]{64}", "[0-9A-F]{64}"]
        .prop_map(|text| PictureId::parse(&text).unwrap())
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Online),
        Just(Status::Offline),
        Just(Status::InCall),
        Just(Status::Pending),
        Just(Status::Requested),
    ]
}

fn data() -> impl Strategy<Value = Data> {
    "([A-Za-z0-9+/]{4}){0,200}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
        .prop_map(|text| Data::parse(&text).unwrap())
}

/// Any JSON value; fractions are such as every implementation reads alike.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn extra() -> impl Strategy<Value = Map<String, Value>> {
    btree_map("ice|key|[a-z_]{1,12}|\\PC{0,6}", json(), 0..4).prop_map(|fields| {
        let known = ["pseudo", "id_group", "address", "port"];
        fields
            .into_iter()
            .filter(|(name, _)| !known.contains(&name.as_str()))
            .collect()
    })
}

fn call_info() -> impl Strategy<Value = CallInfo> {
    (any::<IpAddr>(), any::<u16>(), extra()).prop_map(|(address, port, extra)| CallInfo {
        address,
        port,
        extra,
    })
}

fn member() -> impl Strategy<Value = GroupMember> {
    (group_id(), username()).prop_map(|(id_group, pseudo)| GroupMember { id_group, pseudo })
}

fn contact() -> impl Strategy<Value = Contact> {
    (picture(), username(), status()).prop_map(|(pp, pseudo, status)| Contact {
        pp,
        pseudo,
        status,
    })
}

fn group() -> impl Strategy<Value = Group> {
    let date = "20[0-9]{2}-1[0-2]-[0-2][0-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}Z";
    (
        group_id(),
        group_name(),
        vec(username(), 0..5),
        date,
        of(username()),
    )
        .prop_map(
            |(id_group, group_name, list_pseudo, last_update_date, creator)| Group {
                id_group,
                group_name,
                list_pseudo,
                last_update_date,
                creator,
            },
        )
}

fn join() -> impl Strategy<Value = Join> {
    (username(), group_id(), of(call_info())).prop_map(|(pseudo, id_group, info)| Join {
        pseudo,
        id_group,
        info,
    })
}

fn quit() -> impl Strategy<Value = Quit> {
    (username(), group_id(), of(any::<String>())).prop_map(|(pseudo, id_group, reason)| Quit {
        pseudo,
        id_group,
        reason,
    })
}

fn exchange() -> impl Strategy<Value = Exchange> {
    (username(), data(), group_id()).prop_map(|(pseudo, data, id_group)| Exchange {
        pseudo,
        data,
        id_group,
    })
}

fn info_call() -> impl Strategy<Value = InfoCall> {
    (group_id(), call_info()).prop_map(|(id_group, info)| InfoCall { id_group, info })
}

pub(crate) fn add_contact() -> impl Strategy<Value = AddContact> {
    username().prop_map(|pseudo| AddContact { pseudo })
}

/// Every message that a client may send.
pub(crate) fn client_message() -> impl Strategy<Value = ClientMessage> {
    let stored = prop_oneof![
        (username(), new_password()).prop_map(|(pseudo, password)| {
            ClientMessage::CreateProfile(CreateProfile { pseudo, password })
        }),
        (of(username()), of(new_password()), of(picture())).prop_map(|(pseudo, password, pp)| {
            ClientMessage::AmendProfile(AmendProfile {
                pseudo,
                password,
                pp,
            })
        }),
        group_name().prop_map(|group_name| ClientMessage::CreateGroup(CreateGroup { group_name })),
        (group_id(), username()).prop_map(|(id_group, pseudo)| {
            ClientMessage::AddToGroup(AddToGroup { id_group, pseudo })
        }),
        member().prop_map(ClientMessage::QuitGroup),
        add_contact().prop_map(ClientMessage::AddContact),
        add_contact().prop_map(ClientMessage::DeleteContact),
        (username(), password())
            .prop_map(|(pseudo, password)| ClientMessage::Login(Login { pseudo, password })),
        (token(), any::<bool>())
            .prop_map(|(token, another)| ClientMessage::Resume(Resume { token, another })),
        Just(ClientMessage::Logout(Empty {})),
    ];
    let place = (
        of(group_id()),
        vec(username(), 0..5),
        any::<IpAddr>(),
        any::<u16>(),
        of(call_info()),
    )
        .prop_map(|(id_group, list_pseudo, address, port, info)| {
            ClientMessage::Ring(Place {
                id_group,
                list_pseudo,
                address,
                port,
                info,
            })
        });
    let calls = prop_oneof![
        place,
        join().prop_map(ClientMessage::Accept),
        quit().prop_map(ClientMessage::Quit),
        exchange().prop_map(ClientMessage::Exchange),
        info_call().prop_map(ClientMessage::InfoCall),
    ];
    prop_oneof![2 => stored.boxed(), 1 => calls.boxed(), 2 => conversations::client_message()]
}

fn profile() -> BoxedStrategy<Profile> {
    let stun = vec("([a-z.]{1,20})?:[1-9][0-9]{0,3}", 0..3);
    (
        picture(),
        username(),
        status(),
        of(username()),
        of(token()),
        stun,
    )
        .prop_map(
            |(pp, pseudo, status, previous_pseudo, token, stun)| Profile {
                pp,
                pseudo,
                status,
                previous_pseudo,
                token,
                stun,
            },
        )
        .boxed()
}

fn error_reply() -> impl Strategy<Value = ErrorReply> {
    (
        proptest::sample::select(ErrorCode::ALL),
        of(any::<String>()),
        of(group_id()),
        of(any::<String>()),
        of(conversations::entry_id()),
    )
        .prop_map(|(code, detail, id_group, reason, id)| ErrorReply {
            code,
            detail,
            id_group,
            reason,
            id,
        })
}

/// Every message that the server may send.
pub(crate) fn server_message() -> impl Strategy<Value = ServerMessage> {
    let notifications = prop_oneof![
        group().prop_map(ServerMessage::Group),
        profile().prop_map(ServerMessage::Profile),
        member().prop_map(ServerMessage::MemberAdded),
        member().prop_map(ServerMessage::MemberLeft),
        contact().prop_map(ServerMessage::ContactAdded),
        add_contact().prop_map(ServerMessage::ContactDeleted),
        vec(group(), 0..4).prop_map(ServerMessage::Groups),
        vec(contact(), 0..4).prop_map(ServerMessage::Contacts),
        Just(ServerMessage::Logout(Empty {})),
    ];
    let ring = (
        group_id(),
        vec(username(), 0..5),
        any::<IpAddr>(),
        any::<u16>(),
        of(username()),
    )
        .prop_map(|(id_group, list_pseudo, address, port, pseudo)| {
            ServerMessage::Ring(Ring {
                id_group,
                list_pseudo,
                address,
                port,
                pseudo,
            })
        });
    let participant =
        (username(), call_info()).prop_map(|(pseudo, info)| ParticipantInfo::new(pseudo, info));
    let distribute = (group_id(), vec(participant, 0..4)).prop_map(|(id_group, list_info)| {
        ServerMessage::DistributeInfo(DistributeInfo {
            id_group,
            list_info,
        })
    });
    let calls = prop_oneof![
        ring,
        join().prop_map(ServerMessage::Accept),
        quit().prop_map(ServerMessage::Quit),
        exchange().prop_map(ServerMessage::Exchange),
        (group_id(), of(relay_access())).prop_map(|(id_group, relay)| {
            ServerMessage::RequestInfo(RequestInfo { id_group, relay })
        }),
        info_call().prop_map(ServerMessage::InfoCall),
        distribute,
    ];
    prop_oneof![
        notifications.boxed(),
        calls.boxed(),
        conversations::server_message(),
        error_reply().prop_map(ServerMessage::Error)
    ]
}
